@task-2.1.1 @group-2.1 @milestone-2
Feature: 2.1.1 PostgreSQL serves the VPN, and survives what happens to servers
  Postfix, Dovecot and the webmail keep what they know in one database. It is there for them alone, it cannot take the
  host down with it, and it never forgets what it has acknowledged.

  Rule: PostgreSQL 17 listens on the VPN address and nowhere else

    Scenario: There is one listener, and no socket beside it
      When the listeners of the database are looked up
      Then there is exactly one, on the VPN address and the database's port
      And it is PostgreSQL 17 that answers there

  Rule: The VPN reaches the database, the internet does not

    Scenario: A client in the VPN logs in
      When the superuser logs in from another host of the VPN
      Then the server sees a client of the VPN

    Scenario Outline: An outsider finds nothing at the public address over <family>
      When the outsider tries to connect to the database at the public <family> address
      Then no one answers the outsider
      But the outsider can ping the host

      Examples:
        | family |
        | IPv4   |
        | IPv6   |

    Scenario: A way around the tunnel to the VPN address ends at the firewall
      Given the outsider sends packets for the VPN address straight to the host
      When the outsider tries to connect to the database at the VPN address
      Then no one answers the outsider
      But the outsider can ping the VPN address

  Rule: It runs without any privilege

    Scenario: No process of the container is root or could become it
      When the confinement of the container is looked up
      Then every process runs as the host's user for PostgreSQL
      And none has a capability or can gain one
      And the container's own files cannot be changed

  Rule: The kernel limits its memory and its processors

    Scenario: The limits of the tracker are the kernel's
      When the confinement of the container is looked up
      Then the kernel lets it have the agreed memory, no swap, and the agreed processors

    @disruptive
    Scenario: A process over the memory limit is stopped, and nothing else
      When a process of the container takes more memory than it may
      Then the kernel has stopped that process
      And the host has not been rebooted
      And the superuser can log in within 90 seconds

  Rule: Its health is checked over the VPN address

    Scenario: The engine asks the server itself, often enough
      When the container is inspected
      Then its health is asked for at the VPN address every 10 seconds; 5 failures count
      And it is healthy

  Rule: It comes back by itself

    Scenario: The engine starts it unless a person stopped it
      When the container is inspected
      Then it is restarted unless it was stopped
      And "docker.service" starts after the tunnel at every boot

    @disruptive @after-reboot
    Scenario: A reboot brings it back
      When the host has been rebooted
      Then after that boot the database took logins within 90 seconds

    @disruptive
    Scenario Outline: It is there again after <mishap>
      When <mishap> happens to the database
      Then the superuser can log in within 90 seconds
      And it is another process than before

      Examples:
        | mishap                             |
        | a kill -9 of the server            |
        | a restart of the container         |
        | a restart by the operator's script |

    @disruptive
    Scenario: A restart of the engine brings it back, or does not touch it
      When the engine is restarted
      Then the superuser can log in within 90 seconds

    @disruptive
    Scenario: What its operator stopped stays stopped
      Given the operator stops the database
      When the engine is restarted
      Then the database is still stopped

  Rule: Its image is pinned, not too old, and replaced only by one that works

    Scenario: The server runs the image that is pinned
      When the container is inspected
      Then its image is the pinned one, by name and by content

    Scenario: The image is young enough to have the fixes of the last releases
      When the container is inspected
      Then its image was made within the agreed number of days

    @disruptive
    Scenario: The newest image of the tag is taken from the registry
      Given a registry on the host
      And the server runs an image of its, and the tag means a newer one
      When the operator raises the image
      Then the provisioning succeeds
      And the newest image is in use, and the inventory pins it
      And a backup was made before
      And the superuser can log in within 90 seconds
      When the operator raises the image
      Then the provisioning succeeds and changes nothing

    @disruptive
    Scenario Outline: An image that cannot be used changes nothing: <fault>
      When the operator replaces the image although <fault>
      Then the script fails and says "<reason>"
      And the server runs the image from before, and nothing of the other one is left

      Examples:
        | fault                                    | reason                              |
        | the registry is away                     | cannot be pulled                    |
        | the registry has no image of that digest | cannot be pulled                    |
        | the disk is full                         | too little space                    |
        | the image is of the next major version   | the database is of version 17       |
        | the server of the image crashes          | the server does not work with       |

  Rule: A power cut loses no acknowledged commit

    Scenario: No database and no role acknowledges a commit before it is on the disk
      When the superuser asks for the settings of commits, of databases and of roles
      Then all of them wait for the disk

    @disruptive
    Scenario: The power fails while a client in the VPN writes
      Given a client in the VPN writes row after row and notes what was acknowledged
      When the power of the host is cut in the middle of it
      Then the superuser can log in within 90 seconds
      And every acknowledged row is there

  Rule: Passwords are checked by SCRAM-SHA-256 only

    Scenario: No rule admits anyone in another way
      When the superuser asks for the login rules and for what is kept of passwords
      Then every rule asks for SCRAM-SHA-256
      And every password is kept as a SCRAM-SHA-256 verifier

    Scenario Outline: The superuser is refused with <credential>
      When the superuser tries to log in with <credential>
      Then the server refuses the login

      Examples:
        | credential       |
        | a wrong password |
        | no password      |

  Rule: The superuser's password lies in two files and nowhere else

    Scenario: It is strong, and only root can read it
      When the two files of the superuser's password are looked up
      Then it is base64 of 32 characters
      And both files hold it, and only root can read them

    Scenario: No process, log, setting or history holds a copy
      Then no other place of the host holds the superuser's password

  Rule: The operator's scripts work, and say what is wrong

    Scenario: They tell how the server is
      When the operator runs the scripts that only look
      Then each of them succeeds and says so

    Scenario: A wrong call is answered with what is wrong
      When each script is asked for help, and run with these arguments:
        | script             | arguments    |
        | manage.sh          | no arguments |
        | manage.sh          | begin        |
        | manage.sh          | logs many    |
        | test_connection.sh | mail         |
        | get_password.sh    | postgres     |
      Then the help shows the usage
      And the wrong use is refused with a reason and a hint at the help

    @disruptive
    Scenario: The server is stopped, found stopped, and started again
      Given the operator stops the database
      When the operator runs "test_connection.sh"
      Then the script fails and reports that the container is not running
      When the operator starts the database
      Then the superuser can log in within 90 seconds

    @disruptive
    Scenario: A lost file of the password is written again from the other one
      Given the file with the password beside the container's settings is lost
      When the operator runs "get_password.sh"
      Then the script fails and names the missing file, and the script that writes it
      When the operator runs "setup_credentials.sh"
      Then both files hold it, and only root can read them
