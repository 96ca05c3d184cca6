# shellcheck shell=sh
# The content of a file, which is in the program.
# In: _TEXT (as it is), or _CONTENT (in base64).

# new_content: print it.
new_content() {
    if [ -n "$_CONTENT" ]; then printf %s "$_CONTENT" | base64 -d; else printf %s "$_TEXT"; fi
}
