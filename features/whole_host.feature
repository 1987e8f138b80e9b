@whole-host
Feature: The whole host is the one that the provisioning makes
  The criteria of the tasks look for what someone thought of. Here the host as a whole is compared with a
  reference: the same provisioning, applied in the lab. What is more, less or other is a finding, unless the
  operator has declared it. What is on disk for the next start is compared as well as what runs now.

  Background:
    Given the reference of this provisioning

  Rule: No package is there that the provisioning does not install, and none is held or overridden

    Scenario: The packages are explained
      When the "packages" of the host are compared with the reference
      Then every difference is explained

  Rule: Every file is as a package ships it or as the provisioning makes it

    Scenario: The files are explained
      When the "files" of the host are compared with the reference
      Then every difference is explained

  Rule: No account, no group, no password and no key is there but those that the provisioning makes

    Scenario: The accounts are explained
      When the "accounts" of the host are compared with the reference
      Then every difference is explained

  Rule: Nothing starts, runs or has failed but what the provisioning starts

    Scenario: The units are explained
      When the "units" of the host are compared with the reference
      Then every difference is explained

    Scenario: The programs are explained
      When the "processes" of the host are compared with the reference
      Then every difference is explained

  Rule: No one listens but the programs that the provisioning lets listen

    Scenario: The listeners are explained
      When the "listeners" of the host are compared with the reference
      Then every difference is explained

  Rule: The packet filter has the rules that the provisioning makes, and no others

    Scenario: The packet filter is explained
      When the "packet filter" of the host is compared with the reference
      Then every difference is explained

  Rule: Packets go only the ways that the provisioning makes

    Scenario: Addresses, routes and the tunnel are explained
      When the "network" of the host is compared with the reference
      Then every difference is explained

  Rule: The kernel has the settings that the provisioning makes

    Scenario: The settings of the kernel are explained
      When the "kernel" of the host is compared with the reference
      Then every difference is explained

  Rule: Nothing is mounted but what the provisioning mounts

    Scenario: The mounts are explained
      When the "mounts" of the host are compared with the reference
      Then every difference is explained

  Rule: The container engine has the containers, images and networks that the provisioning makes

    Scenario: The containers are explained
      When the "containers" of the host are compared with the reference
      Then every difference is explained

  Rule: The database server has the settings, roles, rights and objects that the provisioning makes

    Scenario: The database server is explained
      When the "database" of the host is compared with the reference
      Then every difference is explained

  Rule: What is on disk is what is in force

    Scenario: The settings on disk are those that were read
      When the "settings in force" of the host are compared with the reference
      Then every difference is explained

  Rule: What the operator declared as an addition is still there, and still meant

    Scenario: Every declaration explains something and has not expired
      When the whole host is compared with the reference
      Then each declared addition of the inventory explains a difference, and its day has not passed

  Rule: Nothing is about to run out

    Scenario: The disks have room
      Then every file system of the host has at least 10 percent of its space and of its inodes left

    Scenario: The database holds on to nothing
      Then no replication slot, no prepared transaction and no session keeps what the database would like to remove
      And no table is near the age at which the database stops
      And no column that counts up is near its end

    Scenario: No account ends soon
      Then no account of the host expires within 30 days, nor does its password

    Scenario: The clock is right
      Then the host's clock differs from another one by at most 30 seconds

  Rule: A reboot changes nothing

    @disruptive @after-reboot
    Scenario: The host is the same after a reboot
      When the host has been rebooted
      And the whole host as it was found then is compared with the reference
      Then every difference is explained
