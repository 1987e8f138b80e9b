@task-1.2.3 @group-1.2 @milestone-1
Feature: 1.2.3 phalkonadmin is the host's administrator
  One account of our own administers the host: UID 1000, a key, sudo, and no password anyone could guess.

  Rule: UID 1000 is phalkonadmin and no one else

    Scenario: The number and the name belong together
      Given the accounts of the mail host
      Then phalkonadmin has the UID 1000
      And no other account or group has the number 1000

  Rule: It has a home of its own and bash

    Scenario: Everything is there to work with
      Given the accounts of the mail host
      Then phalkonadmin has the shell /bin/bash
      And its home is a folder of its own that no one else can write to

  Rule: It belongs to the group sudo

    Scenario: The administrator may administer
      Given the accounts of the mail host
      Then phalkonadmin is in the group sudo

  Rule: No password opens the account

    Scenario: The password is locked
      Given the accounts of the mail host
      Then the password of phalkonadmin is locked

  Rule: It ends the same whether UID 1000 was free or taken

    @disruptive
    Scenario Outline: UID 1000 was <state> when the account was made
      Given phalkonadmin had to take another UID
      And UID 1000 is <state>
      When tasks <tasks> are applied
      Then the provisioning succeeds
      And UID and GID 1000 are phalkonadmin's
      And the account is as it was before, with all of its files
      And no file was touched that only a link of the user led to
      And phalkonadmin can log in and use sudo

      Examples:
        | state              | tasks           |
        | free               | 1.2.3 and 1.2.7 |
        | taken by linuxuser | 1.2.2 and 1.2.7 |
