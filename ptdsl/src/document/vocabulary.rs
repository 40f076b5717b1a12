//! What the names that the language gives a meaning mean.

/// The meaning of a field or attribute out of the vocabulary of the language, for a word of a leaf.
#[must_use]
pub fn meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "read" => "reading is allowed",
        "write" => "writing is allowed",
        "execute" => "fetching instructions is allowed",
        "user" => "user mode may do it, too",
        "user_write" => "user mode may write",
        "user_execute" => "user mode may fetch instructions",
        "privileged_execute" => "privileged modes may fetch instructions",
        "secure" => "the output address is in the secure space",
        "global" => "the translation belongs to all address spaces",
        "accessed" => "the translation was used",
        "dirty" => "something was written through the translation",
        "memory_type" => "how accesses are cached and ordered",
        "key" => "number of the protection key",
        "encrypted" => "the memory behind it is encrypted",
        "cleaned" => "the word was cleaned from the cache",
        "child" => "the level of the child",
        "asid" => "number of the address space",
        _ => return None,
    })
}
