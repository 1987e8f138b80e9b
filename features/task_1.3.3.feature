@task-1.3.3 @group-1.3 @milestone-1
Feature: 1.3.3 Each kind of traffic takes its own way
  Traffic of the VPN goes through the tunnel, everything else does not, and names are resolved as before.

  Rule: The tunnel carries the VPN's traffic and nothing else

    Scenario: The VPN is reached through the tunnel
      When the kernel is asked for its route to the hub's VPN address
      Then the route leads through the tunnel, from the host's VPN address

    Scenario: The internet is not reached through the tunnel
      When the kernel is asked for its route to the internet probe
      Then the route leads past the tunnel, by way of the default route

    Scenario Outline: No default route of <family> leads into the tunnel
      When the default routes of "<family>" are looked up
      Then there is one, and none of them leads into the tunnel

      Examples:
        | family |
        | IPv4   |
        | IPv6   |

  Rule: The hub answers over the VPN

    Scenario: The hub's VPN address answers
      Then the hub's VPN address answers a ping of the host

  Rule: The internet answers past the VPN

    Scenario: The internet probe answers
      Then the internet probe answers a ping of the host

  Rule: Names are resolved as they were before the VPN came

    Scenario: The VPN names no resolver
      When the settings of name resolution are read
      Then no resolver is an address of the VPN
      And the tunnel brings no resolver with it

    @disruptive
    Scenario: Neither the tunnel nor its provisioning touches name resolution
      Given the settings of name resolution are remembered
      When the tunnel is taken down and started again
      Then the administrator can log in again without further help
      When tasks 1.3.2 and 1.3.3 are applied again
      Then the provisioning succeeds
      And the settings of name resolution are the same, byte for byte
