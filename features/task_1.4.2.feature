@task-1.4.2 @group-1.4 @milestone-1
Feature: 1.4.2 Mail belongs to vmail, the database to postgres, and neither to anyone else
  Two accounts own what the services keep. No one logs in as them, and no one else reads what is theirs.

  Rule: vmail and postgres have their numbers, and share them with no one

    Scenario: The numbers are those that containers and backups rely on
      Given the accounts of the mail host
      Then these accounts have these numbers, and no other account or group has them:
        | account  | UID  | GID  |
        | vmail    | 5000 | 5000 |
        | postgres | 999  | 5432 |

    Scenario Outline: <account> is in no group but its own
      Given the accounts of the mail host
      Then the only group of "<account>" is its own, and "<account>" is its only member

      Examples:
        | account  |
        | vmail    |
        | postgres |

    @disruptive
    Scenario: A number that someone else has stops the task before anything changes
      Given the accounts of the mail host
      When task 1.4.2 is to give "postgres" the number of "messagebus"
      Then it stops and names "messagebus"
      And the accounts and groups are as they were

  Rule: No one can log in as vmail or postgres

    Scenario Outline: There is no way in as <account>
      Given the accounts of the mail host
      Then the password of <account> is locked
      And root itself gets no shell as "<account>"
      And the SSH server does not let "<account>" in, whatever key it has

      Examples:
        | account  |
        | vmail    |
        | postgres |

  Rule: Each folder belongs to its service, with the mode that was agreed

    Scenario: Owners and modes
      When the storage is looked at
      Then its folders have these owners and modes, each with the group of the same name:
        | folder           | owner    | mode      |
        | mail store       | vmail    | rwxr-x--- |
        | mail queue       | vmail    | rwxr-x--- |
        | mail backups     | vmail    | rwxr-x--- |
        | database files   | postgres | rwx------ |
        | database archive | postgres | rwxr-x--- |
        | database backups | postgres | rwxr-x--- |

    Scenario: No access list lets anyone else in
      Then no folder of the storage, nor any above it, has an access list

  Rule: No one else can read mail or data

    Scenario Outline: <stranger> sees nothing, not even of a file that is open to everyone
      When "<stranger>" looks into every folder of the storage that is not its own
      Then each look is refused, and nothing was seen

      Examples:
        | stranger     |
        | nobody       |
        | phalkonadmin |
        | vmail        |
        | postgres     |

  Rule: Each service can work in its folders

    Scenario Outline: <account> writes, reads and removes a file
      When "<account>" writes, reads and removes a file in each of its folders
      Then all of that works

      Examples:
        | account  |
        | vmail    |
        | postgres |
