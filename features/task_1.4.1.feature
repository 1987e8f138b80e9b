@task-1.4.1 @group-1.4 @milestone-1
Feature: 1.4.1 Mail and database have their places on disk
  Six folders, three for mail and three for the database, on which everything that follows relies.

  Rule: Every folder is there

    Scenario: Mail and database find their folders
      When the storage is looked at
      Then it has these folders:
        | folder             |
        | mail store         |
        | mail queue         |
        | mail backups       |
        | database files     |
        | database archive   |
        | database backups   |

  Rule: No one but root can put something else in their place

    Scenario Outline: <account> can neither add nor exchange a folder
      When "<account>" tries which of the folders above the storage it may write to
      Then it may write to none

      Examples:
        | account      |
        | nobody       |
        | mail         |
        | phalkonadmin |
        | vmail        |
        | postgres     |

  Rule: What is missing is made, and everything else stays as it is

    @disruptive
    Scenario: A lost folder comes back, and no other is touched
      Given there is mail in the mail store, and the mail queue is lost
      When task 1.4.1 is applied
      Then the provisioning succeeds
      And the mail queue is there, empty and root's until task 1.4.2
      And every other folder has kept its owner, its mode and what it holds
