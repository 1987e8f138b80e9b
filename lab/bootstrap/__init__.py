"""What a fresh machine lacks, with nothing but the standard library, because nothing else is there yet."""
