-- Checking and making passwords. Callers pass them as parameters, never as part of a statement's text.

-- Whether this is the password of this user. Unknown and inactive users, an empty or over-long password and NULL are
-- false, and an unknown user costs as much as one with a default hash.
CREATE OR REPLACE FUNCTION public.verify_password(address text, password text) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    decoy CONSTANT text := '{SHA512-CRYPT}$6$................$' || repeat('.', 86);
    stored text;
    setting text;
    same boolean;
BEGIN
    IF coalesce(password, '') = '' OR octet_length(password) > public.sha512_crypt_longest_password() THEN
        RETURN false;
    END IF;
    SELECT i.password INTO stored FROM public.user_mailbox_info AS i WHERE i.email = public.canonical_address(address);
    setting := substr(coalesce(stored, decoy), length('{SHA512-CRYPT}') + 1);
    same := public.equal_in_constant_time(public.sha512_crypt(password, setting), setting);
    RETURN same AND stored IS NOT NULL;
END
$$;

-- A hash of a password, with its scheme and a salt of 96 random bits, to be stored in virtual_users.
CREATE OR REPLACE FUNCTION public.hash_password(password text, rounds integer DEFAULT 5000) RETURNS text
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    random CONSTANT bytea := sha512(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    setting CONSTANT text := '$6$' || CASE rounds WHEN 5000 THEN '' ELSE format('rounds=%s$', rounds) END
        || left(public.sha512_crypt_text(random), 16);
BEGIN
    IF password = '' THEN
        RAISE 'an empty password is refused' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN '{SHA512-CRYPT}' || public.sha512_crypt(password, setting);
END
$$;

ALTER FUNCTION public.verify_password(text, text) OWNER TO mail_owner;
ALTER FUNCTION public.hash_password(text, integer) OWNER TO mail_owner;
