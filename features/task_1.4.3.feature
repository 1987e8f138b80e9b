@task-1.4.3 @group-1.4 @milestone-1
Feature: 1.4.3 Disk quotas are prepared, and off
  One command will switch quotas on when the host goes into production. Until then nothing limits anyone.

  Rule: The tools for quotas are there

    Scenario: Usage can be counted, limited and reported
      Then these programs are on the host:
        | program    |
        | quotacheck |
        | quotaon    |
        | setquota   |
        | repquota   |
        | quotatool  |

  Rule: Quotas are off, and stay off after a reboot

    Scenario: No file system counts or limits what anyone uses
      When the quotas of all file systems are looked up
      Then no quota is on now
      And no quota is on after a reboot

  Rule: The scripts explain themselves, and refuse wrong use

    Scenario Outline: <script> says how it is used
      When "<script>" is asked for help, and run with "--no-such-option"
      Then the help shows the usage
      And the wrong use is refused with a reason and a hint at the help

      Examples:
        | script           |
        | enable_quotas.sh |
        | check_quotas.sh  |
        | set_quota.sh     |

    Scenario: The manual names every script
      When the manual of the quota scripts is read
      Then it names these scripts:
        | script           |
        | enable_quotas.sh |
        | check_quotas.sh  |
        | set_quota.sh     |

  Rule: Once enabled, a quota is enforced, and it can be undone

    @disruptive
    Scenario Outline: vmail's limit on <file system>
      Given <file system> with a folder of vmail's
      When quotas are enabled there, twice, and vmail may use 6 MiB
      And vmail writes files of 2 MiB and of 12 MiB
      Then the small file is written, and the large one is refused for the quota's sake
      And the status says that quotas are on
      When quotas are undone there
      And vmail writes files of 2 MiB and of 12 MiB
      Then both files are written
      And the status says that quotas are off
      And the table of file systems is as it was, byte for byte

      Examples:
        | file system                     |
        | a scratch file system           |
        | the mail store's own file system |
