@task-2.1.4 @group-2.1 @milestone-2
Feature: 2.1.4 The database server is well, and each service reaches it with what is written down for it
  The last look before the services move in: the server's health, what it uses, the files that the services
  are to be given, and whether the backups would help.

  Rule: The server is healthy and has room

    Scenario: Health and use of the moment
      When the engine and the host are asked how the database is
      Then it runs and is healthy
      And it uses less than nine tenths of its memory and of its disk

  Rule: The connection files are documented, each with what it is for

    Scenario: The instructions beside the files
      When the connection files and their instructions are read
      Then the instructions name every file and every service
      And every service has a file of its own

  Rule: An ordinary account cannot read a connection file

    Scenario: Someone without rights tries
      When an ordinary account tries to read the connection files
      Then it can read none of them

  Rule: Each service logs in from the VPN with its own connection file

    Scenario: Every file is used for a login
      When a VPN client logs in with each of the connection files
      Then each login is that of the file's service, in the mail database

  Rule: From the internet no one logs in, even with a connection file

    Scenario: An outsider has the connection files and the way to the host
      Given the outsider sends packets for the VPN address straight to the host
      When the outsider tries to log in with each of them, at the VPN address and at the public one
      Then every login is refused
      But the outsider reaches the host

  Rule: The operator's scripts find the server, the database and the backups in order

    # A second server runs for a while, and it is noted down that the backups were found good.
    @disruptive
    Scenario: The operator goes through them before the services move in
      When the scripts that test the connection and verify the database and its backups run
      Then every script succeeds

  Rule: Provisioning everything again changes nothing

    @disruptive
    Scenario: All tasks are applied to a host that has them all
      When all of the provisioning is applied again
      Then the provisioning succeeds and changes nothing

  Rule: After a boot the whole host is well

    @disruptive @after-reboot
    Scenario: A reboot leaves no failed unit and no error that no one can explain
      When the host has been rebooted
      Then every unit that starts at boot has started, and none failed
      And the journal of that boot holds no unexplained error
