-- Who may do what, and nothing else: all earlier grants are removed first. Restoring a dump brings all of this back
-- but the rights on databases, which need this file again (or pg_restore --create).

DO $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT datname FROM pg_database WHERE datname IN (current_database(), 'postgres', 'template1') LOOP
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, postfix, dovecot, sogo, mailadmin, mail_owner', name);
    END LOOP;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO postfix, dovecot, sogo, mailadmin', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM postfix, dovecot, sogo, mailadmin;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, postfix, dovecot, sogo, mailadmin;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, postfix, dovecot, sogo, mailadmin;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, postfix, dovecot, sogo, mailadmin;
-- Large objects need no table: a role that may only read could fill the disk with them.
REVOKE EXECUTE ON FUNCTION
    pg_catalog.lo_creat(integer), pg_catalog.lo_create(oid), pg_catalog.lo_from_bytea(oid, bytea)
    FROM PUBLIC;

GRANT USAGE ON SCHEMA public TO postfix, dovecot, sogo, mailadmin;

-- postfix looks up the destination of mail.
GRANT SELECT ON public.postfix_domains, public.postfix_mailboxes, public.postfix_aliases TO postfix;

-- dovecot looks up mailboxes with their hashes.
GRANT SELECT ON public.user_mailbox_info TO dovecot;
GRANT EXECUTE ON FUNCTION public.verify_password(text, text) TO dovecot;

-- sogo looks up users, and changes passwords.
GRANT SELECT, UPDATE (c_password) ON public.sogo_users TO sogo;

-- mailadmin manages domains, users and aliases.
GRANT SELECT, INSERT, UPDATE, DELETE ON public.virtual_domains, public.virtual_users, public.virtual_aliases
    TO mailadmin;
GRANT EXECUTE ON FUNCTION public.verify_password(text, text), public.hash_password(text, integer) TO mailadmin;

-- These run with their owner's rights. Constraints run with the rights of the role that writes the row.
GRANT EXECUTE ON FUNCTION public.canonical_address(text), public.canonical_hash(text), public.domain_id_of(text),
    public.digest_stretch(bytea, integer), public.bytea_repeat(bytea, integer), public.sha512_crypt_text(bytea),
    public.sha512_crypt(text, text), public.sha512_crypt_most_rounds(), public.sha512_crypt_longest_password(),
    public.equal_in_constant_time(text, text), public.is_canonical_address(text), public.is_canonical_domain(text),
    public.is_sha512_crypt(text), public.is_alias_source(text), public.is_alias_destination(text)
    TO mail_owner;
GRANT EXECUTE ON FUNCTION
    public.is_canonical_address(text), public.is_sha512_crypt(text), public.sha512_crypt_most_rounds()
    TO sogo, mailadmin;
GRANT EXECUTE ON FUNCTION
    public.is_canonical_domain(text), public.is_alias_source(text), public.is_alias_destination(text)
    TO mailadmin;
