output "address" {
  description = "Public IPv4 address of the server."
  value       = vultr_instance.mail.main_ip
}

output "address6" {
  description = "Public IPv6 address of the server."
  value       = vultr_instance.mail.v6_main_ip
}

output "status" {
  description = "State of the server at Vultr; active means ready for use."
  value       = vultr_instance.mail.status
}

output "server_status" {
  description = "What the server itself does; ok means that it has been installed and has started."
  value       = vultr_instance.mail.server_status
}

output "first_user" {
  description = "Whom the fresh server lets in."
  value       = vultr_instance.mail.user_scheme == "limited" ? "linuxuser" : "root"
}

output "root_password" {
  description = "First password of that user, for Vultr's console; empty if the server was imported."
  value       = vultr_instance.mail.default_password
  sensitive   = true
}
