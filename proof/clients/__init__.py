"""Programs and clients that a scenario uses: OpenSSH, port probes, a terminal, a reboot."""
