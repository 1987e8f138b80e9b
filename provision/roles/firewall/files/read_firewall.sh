#!/bin/bash
# Print what the firewall is like, as JSON: active (now and at boot), rules, vpn_only (sshd listens in the VPN only).
set -euo pipefail

truth() { if "$@" >/dev/null 2>&1; then echo true; else echo false; fi; }
active() { systemctl --quiet is-enabled ufw.service && ufw status | grep -qx 'Status: active'; }

rules=$(ufw show added | sed -n 's/^ufw \(.*\)$/"\1"/p' | paste -sd,)
printf '{"active": %s, "vpn_only": %s, "rules": [%s]}\n' \
  "$(truth active)" "$(truth test -e /etc/ssh/sshd_config.d/30-vpn-only.conf)" "$rules"
