locals {
  image = "Debian 13 x64 (trixie)"

  # The ports are the inventory's: SSH as the image brings it, and as task 1.3.1 leaves it.
  inventory = yamldecode(file("${path.module}/../provision/inventory/group_vars/all/main.yml"))
  ssh_ports = toset([tostring(local.inventory.ssh_port_fresh), tostring(local.inventory.ssh_port)])
  ssh_doors = { for door in setproduct(var.admin_networks, local.ssh_ports) : "${door[0]} ${door[1]}" => door }
  families  = { v4 = "0.0.0.0", v6 = "::" }
}

data "vultr_os" "debian" {
  filter {
    name   = "name"
    values = [local.image]
  }
}

# Read by deploy.sh: a server of that label which is not in the state must never get a twin.
data "vultr_instances" "same_label" {
  filter {
    name   = "label"
    values = [var.label]
  }
}

resource "vultr_ssh_key" "admin" {
  name    = "${var.label} administrator"
  ssh_key = trimspace(file(pathexpand(var.ssh_public_key_file)))

  lifecycle {
    prevent_destroy = true
  }
}

resource "vultr_firewall_group" "mail" {
  description = "${var.label}: the VPN is the only way in"

  lifecycle {
    prevent_destroy = true
  }
}

# Path MTU discovery needs it, and the host's own firewall decides what it answers.
resource "vultr_firewall_rule" "icmp" {
  for_each = local.families

  firewall_group_id = vultr_firewall_group.mail.id
  ip_type           = each.key
  protocol          = "icmp"
  subnet            = each.value
  subnet_size       = 0
  notes             = "ICMP"
}

# No rule lets WireGuard in: the host calls the hub, and the answers come back by themselves.
resource "vultr_firewall_rule" "ssh" {
  for_each = local.ssh_doors

  firewall_group_id = vultr_firewall_group.mail.id
  ip_type           = strcontains(each.value[0], ":") ? "v6" : "v4"
  protocol          = "tcp"
  port              = each.value[1]
  subnet            = cidrhost(each.value[0], 0)
  subnet_size       = tonumber(split("/", each.value[0])[1])
  notes             = "SSH until it is in the VPN"
}

resource "vultr_instance" "mail" {
  region            = var.region
  plan              = var.plan
  os_id             = data.vultr_os.debian.id
  label             = var.label
  hostname          = var.hostname
  user_scheme       = var.user_scheme
  enable_ipv6       = true
  ssh_key_ids       = [vultr_ssh_key.admin.id]
  firewall_group_id = vultr_firewall_group.mail.id
  backups           = var.backups
  activation_email  = false

  dynamic "backups_schedule" {
    for_each = var.backups_schedule[*]

    content {
      type = backups_schedule.value.type
      hour = backups_schedule.value.hour
      dow  = backups_schedule.value.dow
      dom  = backups_schedule.value.dom
    }
  }

  # A server is made once. What is only read on its first boot, what Vultr renames, and what someone noted in the portal
  # must not ask for another one.
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [ssh_key_ids, os_id, activation_email, tags]
  }
}
