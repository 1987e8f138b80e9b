@task-2.1.2 @group-2.1 @milestone-2
Feature: 2.1.2 The mail database gives each service what its work needs, and no more
  Postfix, Dovecot, SOGo and the administration share one database. What holds for a service is seen with
  its own login over the VPN, and where there is a program of it, with that program.

  Rule: The database holds the tracker's tables, view, function and logins

    Scenario: All of it is there
      When the mail database is asked what it holds
      Then the database has the tables "virtual_domains, virtual_users, virtual_aliases" and no others
      And the database has the view "user_mailbox_info"
      And the database has the function "verify_password"
      And only the services and the superuser can log in

    Scenario: The test domain has its three users
      When dovecot looks up all users of testdomain.local
      Then they are alice, bob and carol

  Rule: Each service may do what its work needs, and nothing else

    Scenario Outline: What <service> may do runs, and everything else is refused
      Given the services have these rights and no others
        | on                         | postfix | dovecot | sogo           | mailadmin                      |
        | virtual_domains            | -       | -       | -              | select, insert, update, delete |
        | virtual_users              | -       | -       | -              | select, insert, update, delete |
        | virtual_aliases            | -       | -       | -              | select, insert, update, delete |
        | postfix_domains            | select  | -       | -              | -                              |
        | postfix_mailboxes          | select  | -       | -              | -                              |
        | postfix_aliases            | select  | -       | -              | -                              |
        | user_mailbox_info          | -       | select  | -              | -                              |
        | sogo_users                 | -       | -       | select         | -                              |
        | sogo_users.c_password      | -       | -       | select, update | -                              |
        | verify_password()          | -       | execute | -              | execute                        |
        | hash_password()            | -       | -       | -              | execute                        |
        | is_sha512_crypt()          | -       | -       | execute        | execute                        |
        | sha512_crypt_most_rounds() | -       | -       | execute        | execute                        |
        | is_canonical_address()     | -       | -       | execute        | execute                        |
        | is_canonical_domain()      | -       | -       | -              | execute                        |
        | is_alias_source()          | -       | -       | -              | execute                        |
        | is_alias_destination()     | -       | -       | -              | execute                        |
      When <service> tries every statement on every table, view, column and function, and on what lies beyond
      Then each ends as the table says
      And <service> gets into no other database

      Examples:
        | service   |
        | postfix   |
        | dovecot   |
        | sogo      |
        | mailadmin |

    Scenario: Nothing outside the tracker's schema is open to a service
      When the superuser looks for what each service may read or change in other schemas
      Then there is nothing

  Rule: Postfix cannot read a password

    Scenario: Postfix reads all that it can
      When postfix reads every row of all that it may read, and the server's statistics
      Then no hash is among it
      But dovecot, who may, reads one of every user

  Rule: verify_password tells the right password from every other

    Scenario: The right password, and some that are not
      When dovecot has these passwords checked
        | user                    | password                        | right |
        | alice@testdomain.local  | the right one                   | yes   |
        | bob@testdomain.local    | the right one                   | yes   |
        | alice@testdomain.local  | a wrong one                     | no    |
        | alice@testdomain.local  | the right one in the other case | no    |
        | alice@testdomain.local  | the right one and more          | no    |
        | alice@testdomain.local  | an empty one                    | no    |
        | alice@testdomain.local  | none                            | no    |
        | nobody@testdomain.local | the right one                   | no    |
        | Alice@TestDomain.LOCAL  | the right one                   | yes   |
      Then each answer is that of the table

    Scenario: Whoever is switched off has no right password any more
      Given mailadmin switches alice off
      When the right password of alice is checked
      Then it is refused

  Rule: SHA512-CRYPT in the database is that of everyone else

    Scenario: The published test vectors that are quick to compute
      When users have the published hashes of at most 10000 rounds
      Then verify_password knows their passwords and no others

    # They keep a processor busy for longer than a host at work should spare.
    @disruptive
    Scenario: The published test vectors with many rounds
      When users have the published hashes of more than 10000 rounds
      Then verify_password knows their passwords

    Scenario: openssl makes hashes of random passwords
      When users have hashes that openssl made of random passwords
      Then verify_password knows their passwords and no others

    # Each run of Dovecot's program takes seconds on an emulated machine.
    @disruptive
    Scenario: Dovecot makes and checks hashes of random passwords
      When users have hashes that Dovecot made of random passwords
      Then verify_password knows their passwords and no others
      And Dovecot knows the hashes that the database makes of them, and no others

  Rule: No hash may cost more than is allowed

    Scenario: Too many rounds
      When mailadmin stores hashes with too many rounds
      Then every statement is refused
      And the refusals came before anything was computed

  Rule: An address is one address, however it is written

    Scenario: The same address in other letters
      When mailadmin stores users, domains and aliases that exist in other letters
      Then every statement is refused

  Rule: A stored password is a SHA512-CRYPT hash with its scheme

    Scenario: Every hash begins with its scheme
      When dovecot looks up the hashes of all users
      Then each is a text that begins with {SHA512-CRYPT}

    Scenario: A hash without its scheme gets it
      When sogo stores hashes with the scheme in small letters, and without
      Then they are there with their scheme

    Scenario: What is no such hash is refused, and no error repeats it
      When mailadmin stores passwords that are no SHA512-CRYPT hash
      Then every statement is refused
      And no refusal repeats a password

  Rule: Postfix's own look-ups find domains, mailboxes and aliases

    Scenario: Postfix asks for what is there, and for what is not
      Given Postfix and Dovecot on the hub with the connection files of the host
      Then Postfix finds
        | map       | key                     | answer                                       |
        | domains   | testdomain.local        | testdomain.local                             |
        | domains   | elsewhere.example       | nothing                                      |
        | mailboxes | alice@testdomain.local  | testdomain.local/alice/                      |
        | mailboxes | Carol@TestDomain.local  | testdomain.local/carol/                      |
        | mailboxes | nobody@testdomain.local | nothing                                      |
        | aliases   | team@testdomain.local   | alice@testdomain.local, bob@testdomain.local |
        | aliases   | alice@testdomain.local  | nothing                                      |
        | identity  | alice@testdomain.local  | alice@testdomain.local                       |
        | identity  | team@testdomain.local   | nothing                                      |

  Rule: Dovecot lets users in with the right password alone, and finds their mailboxes

    Scenario: Dovecot asks the database
      Given Postfix and Dovecot on the hub with the connection files of the host
      When Dovecot runs and is asked about the test users
      Then it takes the right password, and neither a wrong nor an empty one
      And it finds the mailbox of alice
      And it lists every user of the database

  Rule: SOGo's own statement changes one password

    Scenario: SOGo sends its statement
      When sogo changes the password of alice as SOGo does
      Then one row was changed, and alice has the new password and bob the old one

    @disruptive
    Scenario: Dovecot takes the new password from then on
      Given Postfix and Dovecot on the hub with the connection files of the host
      When sogo changes the password of alice as SOGo does, for good
      Then Dovecot takes the new password of alice and no longer the old one

  Rule: The passwords of services and test users are for root alone

    Scenario: Files with passwords, and where else they could be
      When the files with passwords of services and test users are looked up
      Then each belongs to root and is closed to everyone else
      And no process has one of these passwords in its arguments or environment

  Rule: The schema can be applied at any time, and mends what was changed by hand

    @disruptive
    Scenario: A right too many is taken back, and a second time changes nothing
      Given a person gave postfix the hashes, took dovecot's view away and set another password for sogo
      When the schema is applied
      Then it says that it changed something, and each service logs in and has its rights again
      And the schema, applied again, changes nothing

  Rule: verify_database.sh tells whether the database is whole

    Scenario: The database is whole
      When the operator runs "verify_database.sh"
      Then every line of the check is in order

    Scenario: verify_database.sh is used wrongly
      When "verify_database.sh" is asked for help, and run with "--quick"
      Then the help shows the usage
      And the wrong use is refused with a reason and a hint at the help

    @disruptive
    Scenario: Something is missing
      Given the function verify_password is gone and postfix has another password
      When the operator runs "verify_database.sh"
      Then it names both and ends with status 1

  Rule: Checking a password costs at most 50 times what openssl's hash does

    Scenario: Both are measured on the host
      When a password is checked in the database, and hashed by openssl on the same host
      Then the check took at most 50 times as long
