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

output "root_password" {
  description = "First password of root, for Vultr's console; empty if the server was imported."
  value       = vultr_instance.mail.default_password
  sensitive   = true
}
