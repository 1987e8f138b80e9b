@task-1.2.7 @group-1.2 @milestone-1
Feature: 1.2.7 Nothing of the old accounts is left over
  After the clean-up the administrator has the number that volumes and backups expect, owns what is its
  own, and an upgrade of sudo meets the file that it shipped.

  Rule: UID and GID 1000 are phalkonadmin's

    Scenario: User and group have the number, and share it with no one
      Given the accounts of the mail host
      Then UID and GID 1000 are phalkonadmin's
      And no other account or group has the number 1000

  Rule: All of its files are its own

    Scenario: Everything in its home belongs to it
      When the owners of all files in phalkonadmin's home are looked up
      Then every one of them belongs to phalkonadmin

    Scenario: No file elsewhere still has a number from before
      Then every file of the mail host has an owner

  Rule: The main sudoers file is the distribution's

    Scenario: An upgrade of sudo will find its own file
      Then the main sudoers file is the one that its package shipped

    @disruptive
    Scenario: Rules written into the main file are cleaned out, and sudo keeps working
      Given a person has written rules into the main sudoers file
      When the clean-up of the main sudoers file runs
      Then the provisioning succeeds
      And the main sudoers file is the one that its package shipped
      And phalkonadmin can log in and use sudo

  Rule: Local rules live in the folder for them

    Scenario: The rule that frees administrators from passwords lies in the folder
      When sudo is asked what phalkonadmin may do and which file says so
      Then a file in the folder for local rules frees it from passwords
