"""The whole host beside the one that the same provisioning makes: whatever is more, less or other is a finding."""
