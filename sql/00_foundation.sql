-- The base of all other files: an owner without a login, and a schema in which no one else may create objects. Views and
-- verify_password() run with their owner's rights, so the owner must not be a superuser.

SET lock_timeout = '10s';
SET client_min_messages = 'warning';

-- Two runs at the same time wait for each other, if each run is one transaction.
DO $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('mail database'));
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mail_owner') THEN
        CREATE ROLE mail_owner;
    END IF;
END
$$;
ALTER ROLE mail_owner NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD NULL;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO mail_owner;

-- Created again by 60_views.sql. Dropped here, because the type of a column cannot change under a view.
DROP VIEW IF EXISTS
    public.user_mailbox_info, public.postfix_domains, public.postfix_mailboxes, public.postfix_aliases,
    public.sogo_users;
