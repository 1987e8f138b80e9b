output "address" {
  description = "Public IPv4 address of the server."
  value       = vultr_instance.mail.main_ip
}

output "address6" {
  description = "Public IPv6 address of the server."
  value       = vultr_instance.mail.v6_main_ip
}

output "status" {
  description = "What Vultr says of the server: active when it can be used."
  value       = vultr_instance.mail.status
}

output "root_password" {
  description = "First password of root, for Vultr's console; empty where the server was taken over by an import."
  value       = vultr_instance.mail.default_password
  sensitive   = true
}
