@task-1.2.6 @group-1.2 @milestone-1
Feature: 1.2.6 Containers run, behind the firewall
  The database of the next milestone lives in a container. Containers must start, come back with the
  host, and must not open a door that the firewall keeps shut.

  Rule: The engine runs and starts with the host

    Scenario: The engine is at work
      Then "docker.service" runs now and starts at boot
      And it answers on its own socket

  Rule: docker compose answers

    Scenario: docker compose tells its version
      Then docker compose reports its version

  Rule: A container really starts

    Scenario: A program runs in a container of its own, and leaves nothing behind
      When a container without network runs a program from the host's own tools
      Then the program ran as the first process of its container
      And the engine keeps exactly what it kept before

  Rule: No published port escapes the firewall

    @disruptive
    Scenario: A published port answers on the host, and nowhere else
      Given docker compose has started a container that publishes a port to the whole world
      When the port is tried from the host itself, from the internet and from the VPN
      And the port is tried again after a reload of the firewall and a restart of the engine
      And the port is tried again after a reboot of the host
      Then the port answered on the host itself each time
      And the port answered no one else, over IPv4 and IPv6
