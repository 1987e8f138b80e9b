@task-1.2.1 @group-1.2 @milestone-1
Feature: 1.2.1 Administrators use sudo without a password
  An administrator logs in with a key and has no password at all, so sudo must not ask for one.
  Whoever is no administrator gets nothing from it.

  Rule: Members of the group sudo become root without a password

    Scenario: Every administrator becomes root without being asked
      Given the accounts of the mail host
      When each member of the group sudo runs a command as root
      Then every one of them was root
      And the administrator of this installation was among them

    @disruptive
    Scenario: It is the group that counts, not the name
      Given a newcomer without a password on the mail host
      When the newcomer joins the group sudo
      Then the newcomer becomes root without being asked

  Rule: No one outside the group sudo gets anything from sudo

    Scenario: An account outside the group is refused
      Given an account of the mail host that is not in the group sudo
      When that account runs a command as root
      Then sudo refuses it

    Scenario: The rules name no one else
      When sudo's rules are read as a whole
      Then they grant something to root and to the group sudo only

    Scenario: No other account is as good as root
      Given the accounts of the mail host
      Then root alone has its number
      And no one who is no administrator is in a group that can become root without sudo

    @disruptive
    Scenario: Who leaves the group loses it at once
      Given a newcomer in the group sudo who has just been root
      When the newcomer leaves the group sudo
      Then the newcomer is refused

  Rule: Every sudoers file is valid

    Scenario: sudo's own check passes every file
      Given every file that holds rules for sudo
      When each of them is checked the way sudo reads it
      Then none has a fault

    Scenario: sudo reads every file that lies in its folder
      Given every file that holds rules for sudo
      When sudo lists the files that it reads
      Then it leaves none of them out

  Rule: Every sudoers file belongs to root and no one may write it

    Scenario: Owner and mode of every file
      Given every file that holds rules for sudo
      Then each belongs to root, and no one can write it
      And the folder around them can be changed by root only
