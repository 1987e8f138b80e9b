@task-1.2.2 @group-1.2 @milestone-1
Feature: 1.2.2 The image's own user is gone
  A fresh server comes with linuxuser, a name that everyone knows. After this nothing on the host
  belongs to it, names it or waits for it.

  Rule: The user and its group are gone

    Scenario: No account file knows linuxuser
      When the mail host is searched for traces of linuxuser
      Then it has no account and no group of that name

  Rule: Home, mail spool and cron jobs are gone

    Scenario: Nothing waits for linuxuser to come back
      When the mail host is searched for traces of linuxuser
      Then it has no home
      And it has no mail spool
      And it has no jobs

  Rule: No sudo rule names it

    Scenario: sudo has forgotten linuxuser
      When the mail host is searched for traces of linuxuser
      Then it has no sudo rule

  Rule: No file on the host is left without an owner

    Scenario: Every file belongs to a user and a group that exist
      Then every file of the mail host has an owner

  Rule: Removing it again is fine, and so is removing it where it never was

    @disruptive
    Scenario: Where it never was, removing it changes nothing
      When the removal of a user that this host never had runs
      Then the provisioning succeeds and changes nothing

    @disruptive
    Scenario: Where it has been at work, it goes with everything it left behind, and only once
      Given linuxuser is back with files everywhere, mail, cron jobs, a sudo rule and a running program
      When the removal of linuxuser runs twice
      Then the first run succeeds and the second changes nothing
      And no trace of linuxuser is left
      And every file of the mail host has an owner
