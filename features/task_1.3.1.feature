@task-1.3.1 @group-1.3 @milestone-1
Feature: 1.3.1 The host gives an attacker little to work with
  SSH, the firewall and the updates are set so that a host that no one looks at for a month
  is as safe at the end of it as on the first day.

  Rule: SSH answers on a port of its own and on no other

    Scenario: The SSH server listens on its own port alone
      When the listeners of the SSH server are looked up
      Then each of them is on the port that the inventory names
      And no rule of the packet filter leads another port to it

    Scenario: No socket of systemd's leads to an SSH server as well
      When the sockets that systemd holds are looked up
      Then none of them starts an SSH server

    Scenario: A login comes in on that port
      When the administrator logs in
      Then the login succeeds

  Rule: Root cannot log in

    Scenario: The settings in force refuse root
      When the SSH settings in force for "root" are asked for
      Then logging in is refused to root in any way

    @disruptive
    Scenario: A key that root trusts does not help
      Given root trusts the administrator's key
      When "root" tries to log in with the administrator's key
      Then the login is refused
      And the administrator can log in

  Rule: Nothing but a key is accepted

    Scenario: A login is offered a key as the only way in
      When the administrator logs in
      Then the server offers a key as the only way to log in

    Scenario Outline: The settings in force leave <user> no way in but a key
      When the SSH settings in force for "<user>" are asked for
      Then every way to authenticate but a key is off

      Examples:
        | user         |
        | phalkonadmin |
        | root         |
        | nobody       |

  Rule: Every algorithm that SSH offers is a strong one

    Scenario: A login is offered nothing outside our policy
      When the administrator logs in
      Then every algorithm that the server offers is in our policy

    @disruptive
    Scenario: An independent auditor finds nothing weak
      When the hub audits the SSH server over the VPN
      Then no algorithm is marked down
      And every algorithm that the auditor saw is in our policy

  Rule: A recorded login stays secret from a later quantum computer

    Scenario: A login agrees on a post-quantum key exchange
      When the administrator logs in
      Then the key exchange in use is a post-quantum one

  Rule: What no one allowed is dropped, over IPv4 and over IPv6

    Scenario Outline: The kernel drops <family> packets that no rule admits
      When the packet filter in the kernel is read
      Then it denies incoming "<family>" by default

      Examples:
        | family |
        | IPv4   |
        | IPv6   |

    Scenario Outline: A service left open by mistake stays out of reach over <family>
      Given a service listens on every address of the host by mistake
      When the outsider tries to connect to the service left open at the public <family> address
      Then no one answers the outsider
      But the outsider can ping the host

      Examples:
        | family |
        | IPv4   |
        | IPv6   |

  Rule: The firewall is up again after every boot

    Scenario: The firewall is switched on for the next boot
      Then the firewall is enabled in its own settings
      And "ufw.service" starts at boot

    @disruptive @after-reboot
    Scenario: A reboot brings the firewall back unaided
      When the host has been rebooted
      Then after that boot the packet filter denied incoming IPv4 and IPv6 by default

  Rule: Security updates install themselves, and only those

    @starts-early
    Scenario: A rehearsal picks the pending security updates and no other
      When the automatic upgrade is rehearsed
      Then it takes packages from Debian's security archive alone
      And it selects every pending security update
      And it selects no other pending update

    Scenario Outline: <purpose> runs by the clock
      Then "<timer>" runs now and starts at boot
      And the next turn of "<timer>" is known
      And nothing keeps the service of "<timer>" from being started

      Examples:
        | purpose                     | timer                   |
        | The look-up of new versions | apt-daily.timer         |
        | The installation of updates | apt-daily-upgrade.timer |

    Scenario: Both daily jobs are switched on
      When the settings of the daily jobs are asked for
      Then looking for updates and installing them are both on every day

  Rule: Whoever knocks is warned before logging in

    Scenario: The banner comes before any credential is tried
      When the administrator logs in
      Then the warning was shown before authentication
