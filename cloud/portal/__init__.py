"""Pages. In: a link from a replacement mail, or an administrator's sign-in. Out: a safe preview, and a decision."""
