-- How a mail address is written here: in small letters. Postfix and Dovecot look up addresses that way, so two
-- spellings of one address can never be two users. Folding is for ASCII alone: no locale has a say in who gets the
-- mail.

CREATE OR REPLACE FUNCTION public.canonical_address(address text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN lower(btrim(address) COLLATE "C");

-- user@domain, fit to name a folder: no slash, no leading dot. virtual_domains defines which domains are allowed.
CREATE OR REPLACE FUNCTION public.is_canonical_address(address text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN address ~ $re$^[a-z0-9!#$%&'*+=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+=?^_`{|}~-]+)*@[a-z0-9.-]+$$re$
       AND strpos(address, '@') <= 65;

CREATE OR REPLACE FUNCTION public.is_canonical_domain(domain text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN domain ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'
       AND octet_length(domain) <= 253;

-- "@domain" is the source of a domain's catch-all.
CREATE OR REPLACE FUNCTION public.is_alias_source(source text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN public.is_canonical_address(source)
        OR left(source, 1) = '@' AND public.is_canonical_domain(substr(source, 2));

-- One address anywhere; other servers may allow characters that we do not.
CREATE OR REPLACE FUNCTION public.is_alias_destination(destination text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN destination ~ '^[^@,[:space:][:cntrl:]]+@[a-z0-9.-]+$';

-- The domain that an address belongs to. An address in another domain is an error with that reason.
CREATE OR REPLACE FUNCTION public.domain_id_of(address text) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    domain_name CONSTANT text := split_part(address, '@', 2);
    found_id integer;
BEGIN
    SELECT d.id INTO found_id FROM public.virtual_domains AS d WHERE d.name = domain_name;
    IF found_id IS NULL THEN
        RAISE '"%" is not a domain of this mail server', domain_name
            USING ERRCODE = 'foreign_key_violation', HINT = 'Add it to virtual_domains first.';
    END IF;
    RETURN found_id;
END
$$;
