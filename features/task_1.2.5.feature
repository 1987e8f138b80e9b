@task-1.2.5 @group-1.2 @milestone-1
Feature: 1.2.5 The administrator can work over SSH
  From the administrator's own path: a login, a command, and a command as root.

  Rule: The administrator logs in

    Scenario: A login shell opens on this host
      When the administrator opens a login shell
      Then it is phalkonadmin's, on the mail host
      And the server proved that it is the host it claims to be

  Rule: A command runs over the connection

    Scenario: What a command prints and how it ends comes back untouched
      When the administrator runs a command that prints to both outputs and fails
      Then exactly what it printed comes back, each on its own output
      And so does its exit status

  Rule: A command runs as root through sudo

    Scenario: sudo works over the connection without a terminal and without a question
      When the administrator runs a command through sudo
      Then the command ran as root
      And sudo had nothing to say

  Rule: The host's key is trusted only after a person has compared it

    Scenario: What the console shows is what the host answers with
      Given an operator to whom the host is new
      When she types the end of the fingerprint that the console shows
      Then the host's key is noted under the target's name
      And with that alone she gets in

    Scenario: The console shows something else
      Given an operator to whom the host is new
      When she types the end of another fingerprint
      Then nothing is noted, and she is told so

    Scenario: The host answers with another key than before
      Given an operator who knows the host by another key
      When she types the end of the fingerprint that the console shows
      Then she is shown both fingerprints
      And she knows the host by the old key alone
