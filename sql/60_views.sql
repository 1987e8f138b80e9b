-- What the services see: what is active, and no column that they have no use for. They have no rights on the tables.
-- Each view reads one table, so that PostgreSQL itself could write through it and only rights decide who may;
-- security_barrier keeps the rows that a view leaves out also from conditions that fail loudly.

-- Dovecot: its password and user databases. The hash is checked by Dovecot, so that no password in clear text is ever
-- part of a statement.
CREATE VIEW public.user_mailbox_info WITH (security_barrier) AS
    SELECT u.email, split_part(u.email, '@', 1) AS local_part, split_part(u.email, '@', 2) AS domain,
           u.password, u.quota_bytes
      FROM public.virtual_users AS u
     WHERE u.active AND EXISTS (SELECT FROM public.virtual_domains AS d WHERE d.id = u.domain_id AND d.active);

-- Postfix: virtual_mailbox_domains.
CREATE VIEW public.postfix_domains WITH (security_barrier) AS
    SELECT d.name
      FROM public.virtual_domains AS d
     WHERE d.active;

-- Postfix: virtual_mailbox_maps; and again as the second of the virtual_alias_maps, in which a mailbox is its own
-- alias. Without that a catch-all would take the mail of the domain's mailboxes, because aliases are looked up first.
CREATE VIEW public.postfix_mailboxes WITH (security_barrier) AS
    SELECT u.email, split_part(u.email, '@', 2) || '/' || split_part(u.email, '@', 1) || '/' AS maildir
      FROM public.virtual_users AS u
     WHERE u.active AND EXISTS (SELECT FROM public.virtual_domains AS d WHERE d.id = u.domain_id AND d.active);

-- Postfix: the first of the virtual_alias_maps.
CREATE VIEW public.postfix_aliases WITH (security_barrier) AS
    SELECT a.source, a.destination
      FROM public.virtual_aliases AS a
     WHERE a.active AND EXISTS (SELECT FROM public.virtual_domains AS d WHERE d.id = a.domain_id AND d.active);

-- SOGo: its user source, with the columns that SOGo asks for. It checks hashes itself, and sends UPDATE sogo_users SET
-- c_password = '...' WHERE c_uid = '...' when a user changes the password.
CREATE VIEW public.sogo_users WITH (security_barrier) AS
    SELECT u.email AS c_uid, u.email AS c_name, u.password AS c_password,
           coalesce(nullif(u.display_name, ''), u.email) AS c_cn, u.email AS mail,
           split_part(u.email, '@', 2) AS domain
      FROM public.virtual_users AS u
     WHERE u.active AND EXISTS (SELECT FROM public.virtual_domains AS d WHERE d.id = u.domain_id AND d.active);

ALTER VIEW public.user_mailbox_info OWNER TO mail_owner;
ALTER VIEW public.postfix_domains OWNER TO mail_owner;
ALTER VIEW public.postfix_mailboxes OWNER TO mail_owner;
ALTER VIEW public.postfix_aliases OWNER TO mail_owner;
ALTER VIEW public.sogo_users OWNER TO mail_owner;
