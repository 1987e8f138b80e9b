@task-1.3.5 @group-1.3 @milestone-1
Feature: 1.3.5 Whoever tries to break in is shut out
  Three failed logins within ten minutes cost an hour without any connection, and cost no one else anything.

  Rule: Three failures within ten minutes cost one hour

    Scenario: The policy in force is the one agreed
      When fail2ban is asked for the policy in force
      Then it bans for 1 hour after 3 failures within 10 minutes
      And it ignores no address but the host's own

    Scenario: The policy is the same from the next start on
      When fail2ban reads its settings from the disk
      Then it bans for 1 hour after 3 failures within 10 minutes
      And it ignores no address but the host's own

    @disruptive
    Scenario Outline: The third failure with <credential> bans, the second does not
      Given the intruder fails to log in twice with <credential>
      And fail2ban has counted both without a ban
      When the intruder fails to log in once with <credential>
      Then fail2ban names the intruder as banned

      Examples:
        | credential                       |
        | an account that does not exist   |
        | a wrong key for a real account   |

  Rule: A ban shuts the intruder out in the kernel, and no one else

    @disruptive
    Scenario: The banned intruder is refused at the door while the administrator works on
      Given the intruder is banned
      Then the kernel's set of banned addresses holds the intruder and no one else
      And the intruder's next connection is refused before SSH sees it
      And the administrator can log in

    @disruptive
    Scenario: Without its ban the intruder reaches the door again
      Given the intruder is banned
      When the operator lifts the ban
      Then the kernel's set of banned addresses is empty
      And the intruder's next connection reaches SSH

  Rule: A ban outlives a restart of fail2ban

    @disruptive
    Scenario: A restart neither lifts a ban nor makes it longer
      Given the intruder is banned
      And the journal no longer holds the failures
      When fail2ban is restarted
      Then fail2ban names the intruder as banned
      And the kernel's set of banned addresses holds the intruder and no one else
      And the ban ends when it would have ended

  Rule: A ban expires

    @disruptive
    Scenario: After its time the intruder is let to the door again
      Given bans last 10 seconds only
      And the intruder is banned
      When the time of the ban is over
      Then the kernel's set of banned addresses is empty
      And the intruder's next connection reaches SSH

  Rule: fail2ban is on guard from boot on

    Scenario: fail2ban runs now and starts at boot
      Then "fail2ban.service" runs now and starts at boot

    Scenario: The jail reads what the SSH server writes
      When fail2ban is asked what the jail reads
      Then it reads the journal
      And the administrator's own logins are among what it reads

    @disruptive @after-reboot
    Scenario: A reboot brings the guard back
      When the host has been rebooted
      Then after that boot the jail was watching SSH
