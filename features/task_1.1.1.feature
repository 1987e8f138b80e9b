@task-1.1.1 @group-1.1 @milestone-1
Feature: 1.1.1 The server at Vultr is the one that was ordered
  The order is written down, and deploying carries it out. Whoever operates the host may deploy again at any
  moment, and loses neither the server nor money. No account is needed to prove that: in the lab the provider
  talks to a stand-in of Vultr. Of the real server only what Vultr itself says counts, and it is only read.

  Rule: The host is the machine that was ordered

    Scenario: It runs Debian 13
      When the host tells what it runs
      Then that is Debian 13

    Scenario: It has the processors of the plan
      When the host is measured
      Then it has 2 processors

    Scenario: It has the memory and the disk of the plan
      When the host is measured
      Then it has 4 GB of memory and 80 GB of disk

  Rule: What is ordered is what was agreed

    Scenario: The plan, the place and the system
      When the order is looked up at Vultr
      Then it is one server of the plan "vc2-2c-4gb" with "Debian 13 x64 (trixie)"
      And it is in the place that the operator chose

    Scenario: The backups
      When the order is looked up at Vultr
      Then backups of the whole disk are ordered for every day at 02:00 UTC

    Scenario: Vultr's firewall and the SSH key
      When the order is looked up at Vultr
      Then Vultr's firewall lets in nothing but ICMP, and SSH from a few networks
      And the account has the operator's SSH key

    Scenario: The first way in
      When the operator has deployed
      Then the server lets in the operator's SSH key
      And its firewall lets in SSH from the operator's networks, and else nothing but ICMP

  Rule: A wrong setting is refused before anything is ordered

    Scenario Outline: <mistake>
      When the operator deploys with the mistake "<mistake>"
      Then deploying fails and names "<setting>"
      And nothing was ordered

      Examples:
        | mistake                           | setting             |
        | Backups without a schedule        | backups_schedule    |
        | A schedule without backups        | backups_schedule    |
        | A backup at 25 o'clock            | backups_schedule    |
        | SSH for the whole internet        | admin_networks      |
        | A private key for the public one  | ssh_public_key_file |

  Rule: Nothing is ordered without a yes, and nothing twice

    Scenario: Whoever does not say yes orders nothing
      When the operator deploys and answers "y"
      Then deploying ends without confirmation
      And nothing was ordered

    Scenario: Deploying again changes nothing
      Given the operator has deployed
      When the operator deploys again, and is asked nothing
      Then deploying succeeds
      And Vultr was only asked to read

    Scenario: A server of the same label in a colleague's order
      Given an account that holds nothing
      When the operator deploys and "a colleague deploys at the same time"
      Then deploying refuses the plan
      And deploying says "someone else is ordering"
      And the account has one server of the plan "vc2-2c-4gb" with "Debian 13 x64 (trixie)"

  Rule: A provider that cannot read a server is noticed before anything is ordered

    Scenario: Vultr has ended something that the provider asks for
      Given an account with a server that was made in Vultr's portal
      When the operator deploys while "the provider can no longer read a server"
      Then deploying fails and says "cannot read a server"
      And Vultr was only asked to read

  Rule: A server that is there already can be taken over

    Scenario: Whoever does not say yes has taken over nothing
      Given an account with a server that was made in Vultr's portal
      When the operator takes the server over and answers "no"
      Then deploying ends without confirmation
      And Vultr was only asked to read
      And nothing is left of the attempt

    Scenario: It stays as it is, but for backups, IPv6 and the firewall
      Given an account with a server that was made in Vultr's portal
      When the operator takes the server over and answers "yes"
      Then deploying succeeds
      And it says what the server's firewall no longer lets in
      And the server has kept its label, its place, its size, its name and its user
      And the whole disk is backed up every day at 02:00 UTC
      And its firewall lets in SSH from the operator's networks, and else nothing but ICMP
      And deploying again goes on with the same server

    Scenario: One with another system is left alone
      Given an account with a server that was made in Vultr's portal with "Ubuntu 24.04 LTS x64"
      When the operator takes the server over and answers "yes"
      Then deploying refuses the plan
      And Vultr was only asked to read
      And nothing is left of the attempt

  Rule: The credentials are the operator's alone

    Scenario: No one else can read what deploying leaves behind
      When the operator has deployed
      Then no other user can read a file with a credential or an address
      And the first password is kept, and was not shown

    Scenario: The API key is nowhere
      When the operator has deployed
      Then the API key is in no file and in no output

  Rule: The inventory knows where the server is

    Scenario: The production target has the server's addresses, and the lab has not
      When the operator has deployed
      Then the inventory of "vultr" has the addresses of the server
      And the inventory of "lab" lacks the addresses of the server

  Rule: The server is never destroyed and never replaced

    Scenario: Terraform itself does not destroy it
      Given the operator has deployed
      When a person tells Terraform to destroy everything
      Then the server is still there
      And Terraform gives the reason

    Scenario Outline: <change>
      Given the operator has deployed
      When the operator deploys after the change "<change>"
      Then deploying refuses the plan
      And deploying says "<reason>"
      And the server is still there

      Examples:
        | change                                     | reason              |
        | The server is to be in another region      | because of region   |
        | The server is to have another host name    | because of hostname |
        | The server is no longer in the description | destroy or replace  |

    Scenario: A new SSH key replaces no server
      Given the operator has deployed
      When the operator deploys after the change "The operator has a new SSH key"
      Then deploying succeeds
      And deploying says "The server itself lets in the old one"
      And the server is still there

  Rule: What goes wrong is told in a sentence, and nothing is lost

    Scenario Outline: While <trouble>
      Given the operator has deployed
      When the operator deploys while "<trouble>"
      Then deploying fails and says "<words>"
      And nothing has changed
      And as soon as that is over, deploying succeeds

      Examples:
        | trouble                       | words                              |
        | no API key is set             | VULTR_API_KEY is not set           |
        | the API key is wrong          | refuses the API key                |
        | Vultr counts too many requests | asks for patience                 |
        | Vultr's API fails             | Vultr's API fails                  |
        | Vultr's API does not answer   | out of time                        |

    Scenario: Without an API key Vultr is not even asked
      Given an account that holds nothing
      When the operator deploys while "no API key is set"
      Then deploying fails and says "VULTR_API_KEY is not set"
      And Vultr was not asked at all

    Scenario: A short trouble is got over
      Given the operator has deployed
      When the operator deploys while "Vultr counts too many requests for a moment"
      Then deploying succeeds

    Scenario Outline: Although <trouble>
      Given an account that holds nothing
      When the operator deploys while "<trouble>"
      Then deploying succeeds
      And the whole disk is backed up every day at 02:00 UTC
      And the first password is kept, and was not shown

      Examples:
        | trouble                                          |
        | look-ups do not know the new server for a while  |
        | the new server is locked for a moment            |

    Scenario Outline: When <trouble>
      Given an account that holds nothing
      When the operator deploys and "<trouble>"
      Then deploying fails and says "<words>"
      And deploying again goes on with the same server

      Examples:
        | trouble                                                     | words             |
        | Vultr fails before all is ordered                           | Vultr's API fails |
        | the server does not become active                           | out of time       |
        | the operator interrupts                                     | interrupted       |
        | the operator interrupts, and the answer to a rule gets lost | interrupted       |

    Scenario: When the operator's machine dies, no second server is ordered
      Given an account that holds nothing
      When the machine dies while the server is made
      And the operator deploys again
      Then deploying names the forgotten server, and how to take it over
      And after that, deploying again goes on with the same server

    Scenario: When the state is lost, no second server is ordered
      Given the operator has deployed
      When the operator deploys and "its state is lost"
      Then deploying names the forgotten server, and how to take it over
      And after that, deploying again goes on with the same server

    Scenario: When an order's answer gets lost, the second server is named
      Given an account that holds nothing
      When the operator deploys and "the answer to the order gets lost"
      Then deploying fails and says "not in the state"
      And the message names the surplus server
