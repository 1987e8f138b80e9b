@task-1.3.2 @group-1.3 @milestone-1
Feature: 1.3.2 The host is a member of the WireGuard VPN
  Administration and the database live inside the VPN, so the tunnel has to be there, to be closed
  to listeners on the way, and to be set up without spilling its key.

  Rule: The host has its VPN address, on the tunnel alone

    Scenario: The tunnel carries the address that the inventory names
      When the addresses of the host are looked up
      Then the tunnel is up and has the VPN address and no other
      And no other interface has an address of the VPN

  Rule: The tunnel to the hub is alive

    Scenario: The last handshake with the hub is recent
      When the host describes its tunnel
      Then its only peer is the hub
      And the last handshake is less than 3 minutes old

  Rule: No one on the way can read what crosses the VPN

    Scenario: A recognisable payload never shows on the internet segment
      When the hub sends a recognisable payload to the host's VPN address and listens on the internet segment
      Then the payload was read inside the tunnel
      And only its ciphertext was seen on the internet segment

  Rule: The private key is for root alone

    Scenario: The key's file is closed to everyone else
      Then the tunnel's settings belong to root and are closed to everyone else
      And an ordinary account cannot read them

    Scenario: No copy of the key lies about
      When copies of the private key are looked for
      Then no copy is readable by another account than root

  Rule: The tunnel comes back by itself

    Scenario: The tunnel is switched on for the next boot
      Then "the tunnel" runs now and starts at boot

    @disruptive @after-reboot
    Scenario: A reboot brings the tunnel back unaided
      When the host has been rebooted
      Then after that boot the tunnel had a fresh handshake
      And after that boot the hub answered over the VPN

  Rule: The credentials are taken in without leaving a trace

    Scenario: Typed keys are not shown, not passed on and not remembered
      When the operator types the tunnel's keys into the credentials script
      Then the keys are in the credentials file, which is for the operator alone
      And no secret appeared on the screen
      And no secret was handed to any program as an argument or in its environment
      And the shell's history holds the script's name and no secret

    Scenario: Keys can come from another program
      When the operator pipes the tunnel's keys into the credentials script
      Then the keys are in the credentials file, which is for the operator alone
      And no secret appeared on the screen

    Scenario Outline: <fault> is refused in words that help
      When the operator types <fault> into the credentials script
      Then the script fails and says what is wrong with "<subject>"
      And no credentials file was left behind
      And no secret appeared on the screen

      Examples:
        | fault                    | subject        |
        | a private key cut short  | private key    |
        | a hub's key with a typo  | public key     |

    Scenario: A secret given as an argument is refused
      When the operator passes the private key as an argument to the credentials script
      Then the script fails and explains how it is used
      And no credentials file was left behind
