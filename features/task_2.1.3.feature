@task-2.1.3 @group-2.1 @milestone-2
Feature: 2.1.3 What is lost can be restored
  A night, a moment between two commits, or the whole cluster comes back; and whether it would is known
  before it is needed.

  Rule: A backup is made every night, and old ones are removed an hour later

    Scenario: A whole backup of the last night is there
      When the folder of backups is looked at
      Then the newest backup is whole and not older than a night and two hours
      And its copy of the cluster has every file as it was written, and every role
      And its dump has the rows that were counted when it was made

    Scenario: The jobs are in cron's hands, by universal time
      When cron's table for the backups is read
      Then cron accepts the table
      And the backup runs every night at 02:00, the clean-up at 03:00, and verification on Sundays at 04:00
      And "cron.service" runs now and starts at boot
      And the host's clock shows universal time

    @disruptive
    Scenario: The hour of the backup comes
      Given it is a few seconds before 02:00 on the host
      When that hour has come
      Then cron has made a whole backup of that hour

    @disruptive
    Scenario: The hour of the clean-up comes
      Given a backup of last month lies beside a new one
      And it is a few seconds before 03:00 on the host
      When that hour has come
      Then cron has removed the backup of last month and no other

  Rule: No one else can read a backup

    Scenario: The folder of backups is closed to others
      When the folder of backups is looked at
      Then neither it nor anything in it is open to others

  Rule: WAL is archived all the time, and a crash in the middle does not stop it

    Scenario: No commit waits longer than five minutes
      When the server is asked how it archives
      Then it archives WAL after five minutes at the latest, in one way alone
      And nothing is left that it failed to archive

    Scenario: What was archived can be read again
      Then every archived segment is WAL from its first page to its end
      And none is missing from the start of the oldest backup on

    @disruptive
    Scenario: The archiver crashed after it had copied and before it had noted so
      Given a segment lies in the archive whose note was lost in a crash
      When more WAL is written
      Then the archive has that too

  Rule: A dump restores into an empty cluster

    @disruptive
    Scenario: Rows, roles, rights and passwords come back
      Given the cluster has lost the mail database and every role of it
      When the dump of the newest backup is restored
      Then rows, roles and rights are what they were
      And the services log in with the passwords they have
      And the database tells a right password from a wrong one

  Rule: The cluster can be brought back to a moment between two commits

    @disruptive
    Scenario: The drill of the instructions on the host
      Given the instructions on the host have a drill
      When the drill is performed
      Then the first commit is there and the second is not
      And new commits are taken and archived

  Rule: The whole cluster can be brought back when its files are lost

    @disruptive
    Scenario: The cluster's files are gone
      Given a commit has reached the archive
      And the cluster's files are gone
      When the whole cluster of the newest backup is restored
      Then that commit is there

  Rule: Nothing live is replaced without a typed confirmation

    @disruptive
    Scenario Outline: A <kind> is to be restored, and the question is answered with yes
      Given a row is written to the database
      When a restore of the <kind> is started and answered with yes
      Then the restore is refused because it was not confirmed
      And the row is there

      Examples:
        | kind    |
        | dump    |
        | cluster |

  Rule: Verification restores the newest backup in a throwaway container

    Scenario: The backups were verified not long ago
      Then the last verification that succeeded was within the agreed number of days

    @disruptive
    Scenario: The newest backup restores
      When the backups are verified
      Then verification succeeds and tells the rows that the live database has
      And the record of the last verification tells the same
      And no container and no file of the trial is left

  Rule: Verification names what is wrong

    @disruptive
    Scenario Outline: Verification meets <fault>
      Given the backups have <fault>
      When the backups are verified
      Then verification fails and says "<reason>"

      Examples:
        | fault                                    | reason                          |
        | a truncated dump                         | missing: mail.dump              |
        | a hole in the archived WAL               | missing WAL                     |
        | no new backup for two days               | stale: the newest backup        |
        | an archive that the server cannot use    | the archiver fails              |

  Rule: A crash in the middle of a backup leaves the old ones intact

    @disruptive
    Scenario: The backup is killed halfway
      Given a backup is killed while it copies the cluster
      Then the backups from before are whole, and the killed one does not count
      When the next backup is made
      Then it is whole and nothing of the killed one is left

  Rule: A full archive disk costs neither backups nor commits

    @disruptive
    Scenario: The archive's disk fills up and gets room again
      Given the archive's disk is full and the server fails to archive
      When a row is written to the database
      Then the row is there
      When backup and clean-up run as they do every night
      Then the backups from before are there, and all there are are whole
      When the archive's disk has room again
      Then the server archives what had to wait

  Rule: Clean-up never removes what a restore needs

    @disruptive
    Scenario: The last good backup is old
      Given the only whole backup is a month old and a damaged one is newer
      When old backups are cleaned up
      Then the whole one is still there

    @disruptive
    Scenario: WAL goes exactly as far as the oldest backup that is kept
      Given an old backup, a kept one, and WAL from before and after both
      When old backups are cleaned up
      Then the old one is gone
      And the archive begins with the first segment that the kept one needs, without a hole

  Rule: Wrong use is told

    Scenario: Every script explains itself and refuses what it does not know
      When each script is asked for help, and run with these arguments:
        | script                 | arguments     |
        | backup_database.sh     | no such words |
        | restore_database.sh    | no such words |
        | restore_database.sh    | no arguments  |
        | cleanup_old_backups.sh | no such words |
        | verify_backups.sh      | no such words |
      Then the help shows the usage
      And the wrong use is refused with a reason and a hint at the help
