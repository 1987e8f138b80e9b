@task-1.2.4 @group-1.2 @milestone-1
Feature: 1.2.4 Only keys open the host, and only the administrator's
  No one can guess a way in: the administrator's key is the only credential that the host accepts.

  Rule: phalkonadmin gets in with its key

    Scenario: The administrator's key is accepted
      When the administrator logs in
      Then the login succeeds

  Rule: root does not get in

    Scenario: root is refused with the very key that opens phalkonadmin's account
      When root tries to log in with the administrator's key from the host itself
      Then the login is refused

    @disruptive
    Scenario: root is refused on the administrator's own path
      When "root" tries to log in with the administrator's key
      Then the login is refused

  Rule: Passwords and keyboard-interactive are not even offered

    Scenario: The server offers the administrator keys and nothing else
      When the administrator logs in
      Then the server offers a key as the only way to log in

    Scenario: It offers no one anything else
      Given every account of the mail host that has a login shell
      When the server's settings for each of them are asked for
      Then none of them may use a password or keyboard-interactive

    @disruptive
    Scenario: A client that brings no key is turned away without a question
      When a client without a key tries to log in as phalkonadmin
      Then the server offers a key as the only way to log in

  Rule: The list of keys is private, and it holds the administrator's key alone

    Scenario: Only phalkonadmin can read or change the list of keys
      Given the files that decide who may log in as phalkonadmin
      Then the list of keys is phalkonadmin's alone
      And the folder around the list is phalkonadmin's alone

    Scenario: No other key is on any list that the server consults
      Given the files that decide who may log in as phalkonadmin
      Then they hold the administrator's key and no other
      And the server has no other source of keys
