variable "region" {
  description = "Vultr's id of the place, such as dfw. Another one means another server, so this is not changed later."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{3}$", var.region))
    error_message = "A region is three lower-case letters, such as dfw."
  }
}

variable "plan" {
  description = "Vultr's id of the size; see Vultr_specs.md. Another one resizes the server, so this is not changed later."
  type        = string
  default     = "vc2-2c-4gb"
}

variable "user_scheme" {
  description = <<-TEXT
    Whom the fresh server lets in: root, or limited for linuxuser, who may use sudo. Another one means another server, so
    this is not changed later.
  TEXT
  type        = string
  default     = "root"

  validation {
    condition     = contains(["root", "limited"], var.user_scheme)
    error_message = "user_scheme is root or limited."
  }
}

variable "admin_networks" {
  description = <<-TEXT
    Networks from which SSH on the public address is let through, as CIDR: your own address, until task 1.3.4 has moved
    SSH into the VPN. After that: none.
  TEXT
  type        = set(string)

  validation {
    condition     = alltrue([for network in var.admin_networks : can(cidrhost(network, 0))])
    error_message = "Each of admin_networks is a network with its prefix, such as 192.0.2.7/32 or 2001:db8::/64."
  }

  validation {
    condition = alltrue([
      for network in var.admin_networks : try(tonumber(split("/", network)[1]) >= (strcontains(network, ":") ? 32 : 16), false)
    ])
    error_message = "admin_networks is for your own addresses: at most a /16 of IPv4 or a /32 of IPv6, never the whole internet."
  }
}

variable "ssh_public_key_file" {
  description = "The public key that the fresh server lets in, the one that admin_public_key_file names in the inventory."
  type        = string
  default     = "~/.ssh/id_ed25519.pub"

  validation {
    condition     = fileexists(pathexpand(var.ssh_public_key_file))
    error_message = "The file that ssh_public_key_file names does not exist."
  }

  validation {
    condition     = can(regex("^(ssh|ecdsa|sk-)[^ ]+ AAAA", file(pathexpand(var.ssh_public_key_file))))
    error_message = "The file that ssh_public_key_file names holds no public key of SSH. Never name a private one."
  }
}

variable "label" {
  description = "The server's name in Vultr's portal. No other server of the account may have it."
  type        = string
  default     = "mail"
}

variable "hostname" {
  description = "The server's own name. Another one means another server, so this is not changed later."
  type        = string
  default     = "mail"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$", var.hostname))
    error_message = "A host name is of lower-case letters, digits, hyphens and dots."
  }
}

variable "backups" {
  description = "Vultr's automatic backups of the whole disk: enabled or disabled. They cost a fifth of the server's price."
  type        = string
  default     = "enabled"

  validation {
    condition     = contains(["enabled", "disabled"], var.backups)
    error_message = "backups is enabled or disabled."
  }
}

# The provider would find these mistakes only while it makes the server.
variable "backups_schedule" {
  description = "Time of the backups, in UTC: type, hour, and dow (1 is Sunday) or dom if the type needs one."
  type = object({
    type = string
    hour = number
    dow  = optional(number)
    dom  = optional(number)
  })
  default = { type = "daily", hour = 2 }

  validation {
    condition     = (var.backups == "enabled") == (var.backups_schedule != null)
    error_message = "backups = \"enabled\" needs a backups_schedule, and \"disabled\" must have none (null)."
  }

  validation {
    condition = try(contains(
      ["daily", "weekly", "monthly", "daily_alt_even", "daily_alt_odd"], var.backups_schedule.type
    ), var.backups_schedule == null)
    error_message = "The type of backups_schedule is daily, weekly, monthly, daily_alt_even or daily_alt_odd."
  }

  validation {
    condition     = try(contains(range(24), var.backups_schedule.hour), var.backups_schedule == null)
    error_message = "The hour of backups_schedule is a whole number from 0 to 23, in UTC."
  }

  validation {
    condition = try(
      (var.backups_schedule.type == "weekly") == (var.backups_schedule.dow != null) &&
      contains(range(1, 8), coalesce(var.backups_schedule.dow, 1)), var.backups_schedule == null
    )
    error_message = "A weekly backups_schedule has a dow from 1 (Sunday) to 7, and no other type has one."
  }

  validation {
    condition = try(
      (var.backups_schedule.type == "monthly") == (var.backups_schedule.dom != null) &&
      contains(range(1, 29), coalesce(var.backups_schedule.dom, 1)), var.backups_schedule == null
    )
    error_message = "A monthly backups_schedule has a dom from 1 to 28, and no other type has one."
  }
}
