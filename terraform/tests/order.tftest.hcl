# What is ordered, and which settings are refused; the provider answers out of thin air.

mock_provider "vultr" {
  mock_data "vultr_os" {
    defaults = { id = "2625", name = "Debian 13 x64 (trixie)" }
  }
  mock_data "vultr_instances" {
    defaults = { instances = [] }
  }
}

variables {
  region              = "dfw"
  admin_networks      = ["192.0.2.7/32", "2001:db8::/64"]
  ssh_public_key_file = "tests/key.pub"
}

# Planned, never applied: what prevent_destroy guards, the clean-up after an apply could not remove either.
run "the_order" {
  command = plan

  assert {
    condition     = vultr_instance.mail.plan == "vc2-2c-4gb" && vultr_instance.mail.os_id == 2625
    error_message = "Another plan or another system is ordered."
  }
  assert {
    condition     = vultr_instance.mail.backups == "enabled"
    error_message = "No backups are ordered."
  }
  assert {
    condition     = vultr_instance.mail.backups_schedule[0].type == "daily" && vultr_instance.mail.backups_schedule[0].hour == 2
    error_message = "The backups are not made every day at 02:00 UTC."
  }
  assert {
    condition = toset([for rule in vultr_firewall_rule.ssh : "${rule.ip_type} ${rule.subnet}/${rule.subnet_size} ${rule.port}"]) == toset([
      "v4 192.0.2.7/32 22", "v4 192.0.2.7/32 2288", "v6 2001:db8::/64 22", "v6 2001:db8::/64 2288",
    ])
    error_message = "SSH is not let in from the administrator's networks alone."
  }
}

run "ssh_is_in_the_vpn" {
  command = plan
  variables {
    admin_networks = []
  }

  assert {
    condition     = length(vultr_firewall_rule.ssh) == 0
    error_message = "The firewall admits SSH, which no one needs."
  }
}

run "no_backups" {
  command = plan
  variables {
    backups          = "disabled"
    backups_schedule = null
  }

  assert {
    condition     = length(vultr_instance.mail.backups_schedule) == 0
    error_message = "A schedule is sent with disabled backups: the provider would refuse to make the server."
  }
}

run "weekly" {
  command = plan
  variables {
    backups_schedule = { type = "weekly", hour = 2, dow = 1 }
  }
}

run "monthly" {
  command = plan
  variables {
    backups_schedule = { type = "monthly", hour = 2, dom = 28 }
  }
}

run "backups_without_schedule" {
  command         = plan
  expect_failures = [var.backups_schedule]
  variables {
    backups_schedule = null
  }
}

run "schedule_without_backups" {
  command         = plan
  expect_failures = [var.backups_schedule]
  variables {
    backups = "disabled"
  }
}

run "backups_misspelt" {
  command         = plan
  expect_failures = [var.backups]
  variables {
    backups = "yes"
  }
}

run "unknown_type" {
  command         = plan
  expect_failures = [var.backups_schedule]
  variables {
    backups_schedule = { type = "hourly", hour = 2 }
  }
}

run "half_an_hour" {
  command         = plan
  expect_failures = [var.backups_schedule]
  variables {
    backups_schedule = { type = "daily", hour = 2.5 }
  }
}

run "weekly_without_a_day" {
  command         = plan
  expect_failures = [var.backups_schedule]
  variables {
    backups_schedule = { type = "weekly", hour = 2 }
  }
}

run "daily_on_a_day" {
  command         = plan
  expect_failures = [var.backups_schedule]
  variables {
    backups_schedule = { type = "daily", hour = 2, dow = 1 }
  }
}

run "monthly_on_the_31st" {
  command         = plan
  expect_failures = [var.backups_schedule]
  variables {
    backups_schedule = { type = "monthly", hour = 2, dom = 31 }
  }
}

run "ssh_for_the_whole_internet" {
  command         = plan
  expect_failures = [var.admin_networks]
  variables {
    admin_networks = ["0.0.0.0/0"]
  }
}

run "ssh_for_all_of_ipv6" {
  command         = plan
  expect_failures = [var.admin_networks]
  variables {
    admin_networks = ["2000::/3"]
  }
}

run "address_without_prefix" {
  command         = plan
  expect_failures = [var.admin_networks]
  variables {
    admin_networks = ["192.0.2.7"]
  }
}

run "no_such_key" {
  command         = plan
  expect_failures = [var.ssh_public_key_file]
  variables {
    ssh_public_key_file = "tests/nowhere.pub"
  }
}

run "a_private_key" {
  command         = plan
  expect_failures = [var.ssh_public_key_file]
  variables {
    ssh_public_key_file = "versions.tf"
  }
}

run "a_region_as_people_say_it" {
  command         = plan
  expect_failures = [var.region]
  variables {
    region = "Dallas"
  }
}

run "an_underscore_in_the_name" {
  command         = plan
  expect_failures = [var.hostname]
  variables {
    hostname = "mail_1"
  }
}
