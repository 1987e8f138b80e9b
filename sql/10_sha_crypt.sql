-- SHA512-CRYPT, the hash that Dovecot, SOGo and crypt(3) share. PostgreSQL 17 has none: pgcrypto's crypt() takes "$6$"
-- for a salt of DES and answers nonsense. sha512(bytea) is built in, so no extension is needed. After Ulrich Drepper,
-- "Unix crypt using SHA-256 and SHA-512", https://www.akkadia.org/drepper/SHA-crypt.txt; the step numbers are his.

-- The most rounds that anything here computes or stores. A hash decides itself what checking it costs, so without a
-- bound, a role that can write one hash can occupy a processor for as long as it likes. 200,000 is forty times the default,
-- twice what is commonly recommended, and enough for every published test vector (123,456).
CREATE OR REPLACE FUNCTION public.sha512_crypt_most_rounds() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 200000;

-- The longest password in bytes, the same as libxcrypt's: the work grows with the square of the length.
CREATE OR REPLACE FUNCTION public.sha512_crypt_longest_password() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 511;

-- `unit`, `times` over.
CREATE OR REPLACE FUNCTION public.bytea_repeat(unit bytea, times integer) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN decode(repeat(encode(unit, 'hex'), times), 'hex');

-- A digest of 64 bytes over and over, cut to `length` bytes.
CREATE OR REPLACE FUNCTION public.digest_stretch(digest bytea, length integer) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN substr(public.bytea_repeat(digest, length / 64 + 1), 1, length);

-- The 64 bytes of a digest in the order and alphabet of crypt(3) (step 22): 86 characters. crypt(3) writes a group of
-- three bytes lowest bits first, base64 highest bits first. So the groups go in from the last to the first, and the
-- text is turned around. The last group is byte 63 alone: two zero bytes fill it, and their two characters are cut off.
CREATE OR REPLACE FUNCTION public.sha512_crypt_text(digest bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN left(reverse(translate(
        encode((
            SELECT '\x0000'::bytea || string_agg(substr(digest, place + 1, 1), ''::bytea ORDER BY nr)
              FROM unnest(ARRAY[
                       63,  62, 20, 41,  40, 61, 19,  18, 39, 60,  59, 17, 38,  37, 58, 16,  15, 36, 57,  56, 14, 35,
                       34, 55, 13,  12, 33, 54,  53, 11, 32,  31, 52, 10,   9, 30, 51,  50,  8, 29,  28, 49,  7,
                        6, 27, 48,  47,  5, 26,  25, 46,  4,   3, 24, 45,  44,  2, 23,  22, 43,  1,   0, 21, 42
                   ]) WITH ORDINALITY AS places (place, nr)
        ), 'base64'),
        'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/' || E'\n',
        './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')), 86);

-- crypt(3) for "$6$". `setting` is "$6$[rounds=N$]salt"; what follows the salt is ignored, so that a whole hash is a
-- setting as well. As in crypt(3), a salt is cut to 16 characters and fewer than 1,000 rounds become 1,000. More rounds
-- or a longer password than allowed are errors, and are never computed.
CREATE OR REPLACE FUNCTION public.sha512_crypt(password text, setting text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parts CONSTANT text[] := regexp_match(setting, '^\$6\$(?:rounds=([0-9]{1,9})\$)?([./0-9A-Za-z]*)(?:\$|$)');
    rounds CONSTANT integer := greatest(coalesce(parts[1], '5000')::integer, 1000);
    salt_text CONSTANT text := left(parts[2], 16);
    salt CONSTANT bytea := convert_to(salt_text, 'UTF8');
    secret CONSTANT bytea := convert_to(password, 'UTF8');
    secret_bytes CONSTANT integer := octet_length(secret);
    remaining integer := secret_bytes;
    digest bytea;
    alternate bytea;
    p bytea;
    s bytea;
BEGIN
    IF parts IS NULL THEN
        RAISE 'this is no setting for SHA512-CRYPT' USING ERRCODE = 'invalid_parameter_value';
    ELSIF rounds > public.sha512_crypt_most_rounds() THEN
        RAISE 'SHA512-CRYPT with % rounds is refused', rounds
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('The limit is %s.', public.sha512_crypt_most_rounds());
    ELSIF secret_bytes > public.sha512_crypt_longest_password() THEN
        RAISE 'a password of % bytes is refused', secret_bytes
            USING ERRCODE = 'invalid_parameter_value',
                HINT = format('The limit is %s.', public.sha512_crypt_longest_password());
    END IF;

    -- Steps 1 to 12.
    alternate := sha512(secret || salt || secret);
    digest := secret || salt || public.digest_stretch(alternate, secret_bytes);
    WHILE remaining > 0 LOOP
        digest := digest || CASE remaining & 1 WHEN 1 THEN alternate ELSE secret END;
        remaining := remaining >> 1;
    END LOOP;
    digest := sha512(digest);

    -- Steps 13 to 20.
    p := public.digest_stretch(sha512(public.bytea_repeat(secret, secret_bytes)), secret_bytes);
    s := public.digest_stretch(sha512(public.bytea_repeat(salt, 16 + get_byte(digest, 0))), octet_length(salt));

    -- Step 21.
    FOR round IN 0 .. rounds - 1 LOOP
        digest := sha512(
            CASE round & 1 WHEN 1 THEN p ELSE digest END
            || CASE round % 3 WHEN 0 THEN ''::bytea ELSE s END
            || CASE round % 7 WHEN 0 THEN ''::bytea ELSE p END
            || CASE round & 1 WHEN 1 THEN digest ELSE p END);
    END LOOP;

    RETURN '$6$' || CASE WHEN parts[1] IS NULL THEN '' ELSE format('rounds=%s$', rounds) END
        || salt_text || '$' || public.sha512_crypt_text(digest);
END
$$;

-- Whether a stored password is a hash that can be checked here, and at a price that is allowed.
CREATE OR REPLACE FUNCTION public.is_sha512_crypt(stored text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN stored ~ '^\{SHA512-CRYPT\}\$6\$(rounds=[1-9][0-9]{3,8}\$)?[./0-9A-Za-z]+\$[./0-9A-Za-z]+$'
       AND length(split_part(stored, '$', -2)) <= 16
       AND length(split_part(stored, '$', -1)) = 86
       AND coalesce(substring(stored FROM '\$rounds=([0-9]+)\$')::integer, 5000) <= public.sha512_crypt_most_rounds();

-- A SHA512-CRYPT hash as it is stored: with its scheme in capitals. SOGo writes the scheme as its configuration spells
-- it, or none; {CRYPT} is the older name. Anything else comes back as it was.
CREATE OR REPLACE FUNCTION public.canonical_hash(hash text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN regexp_replace(hash, '^(\{(sha512-)?crypt\})?(?=\$6\$)', '{SHA512-CRYPT}', 'i');

-- Equality in constant time, at whatever position two texts differ: the bits of two digests are compared all together.
CREATE OR REPLACE FUNCTION public.equal_in_constant_time(one text, other text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN bit_count(
        ('x' || encode(sha512(convert_to(one, 'UTF8')), 'hex'))::bit(512)
        # ('x' || encode(sha512(convert_to(other, 'UTF8')), 'hex'))::bit(512)) = 0;
