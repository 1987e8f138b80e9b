@task-1.3.4 @group-1.3 @milestone-1
Feature: 1.3.4 SSH is there for the VPN and for no one else
  The internet does not even find a door, and no failure of the tunnel, no reboot and no mistake in a
  change locks the operator out for good.

  Rule: SSH has exactly one listener, on the VPN address

    Scenario: The SSH server listens on the VPN address only
      Then the SSH server has exactly one listener, on the VPN address

  Rule: An outsider finds no port that answers

    @starts-early
    Scenario Outline: None of the 65,535 TCP ports answers an outsider over <family>
      Given the outsider's scanner finds a port that is known to be open over "<family>"
      When the outsider has scanned every TCP port of the public address over "<family>"
      Then all of them stayed silent
      And it was the host's own firewall that dropped its packets over "<family>"

      Examples:
        | family |
        | IPv4   |
        | IPv6   |

    Scenario Outline: The rules in force answer an outsider on no port over <family>, tried in an empty network
      When the kernel's rules meet an outsider's packets in a network namespace over "<family>"
      Then without the rules every port that was tried answered
      And with them none of the 65,535 does

      Examples:
        | family |
        | IPv4   |
        | IPv6   |

    @disruptive
    Scenario: The same scan finds one port that someone opened
      Given a service listens on every address and the firewall admits it
      When the outsider scans every TCP port of the public address again, over IPv4 and IPv6
      Then the scan names the opened port and no other, over IPv4 and IPv6

  Rule: The firewall admits SSH from the VPN network only

    Scenario: The kernel's rules for SSH name the VPN network as the only source
      When the firewall's rules for the SSH port are read
      Then there is at least one rule, and each admits only the VPN network

    Scenario: A way around the tunnel to the VPN address ends at the firewall
      Given the outsider sends packets for the VPN address straight to the host
      When the outsider tries to connect to SSH at the VPN address
      Then no one answers the outsider
      But the outsider can ping the VPN address

  Rule: SSH returns with the tunnel, unaided

    Scenario: SSH is started after the tunnel at every boot
      Then "ssh.service" starts after the tunnel at every boot

    @disruptive @after-reboot
    Scenario: A reboot brings SSH back
      When the host has been rebooted
      Then after that boot the administrator could log in over the VPN
      And after that boot the SSH server had exactly one listener, on the VPN address

    @disruptive
    Scenario: A tunnel that was broken at boot gives SSH back once it is repaired
      Given a typo in the tunnel's settings keeps it down at the next boot
      And the host has come up again without its tunnel and without SSH on any other address
      When the tunnel alone is repaired from the console
      Then the administrator can log in again without further help

    @disruptive
    Scenario Outline: SSH is there when the tunnel is <treated>
      When the tunnel is <treated>
      Then the administrator can log in again without further help
      And the SSH server has exactly one listener, on the VPN address

      Examples:
        | treated                                                |
        | restarted                                              |
        | taken down and started again                           |
        | started after the SSH server was restarted without it  |

  Rule: A person at the console can open SSH again and close it again

    @disruptive
    Scenario: The emergency rollback opens SSH on the public address until the task is applied again
      When the emergency rollback is run at the console
      Then the administrator can log in on the public address
      When task 1.3.4 is applied again
      Then the provisioning succeeds
      And SSH is there for the VPN and for no one else again

  Rule: A change that locks the operator out undoes itself

    @disruptive
    Scenario: A change that no one confirms is put back
      Given a dead-man switch guards a change that shuts SSH
      When the login that was to confirm the change has failed and its time is over
      Then the administrator can log in again without further help
      And the file that was changed is as it was before
      And nothing of the switch is left over

    @disruptive
    Scenario Outline: The task's own change of <part> goes wrong when SSH is shut
      When task 1.3.4 changes <part>, shuts SSH and fails
      Then SSH is there for the VPN and for no one else again
      And nothing of the switch is left over

      Examples:
        | part           |
        | the SSH server |
        | the firewall   |

    @disruptive
    Scenario: A change that is confirmed stays
      Given a dead-man switch guards a change
      When the change is confirmed from a new connection
      Then the change stays after the switch would have acted
      And nothing of the switch is left over

    Scenario: No switch is left armed
      Then no dead-man switch is waiting on the host
