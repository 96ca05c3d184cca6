# shellcheck shell=sh
# The bytes that a request brings along: in the program where they are few, else in an upload.
#
# In: those of upload.sh; _TEXT (as it is), or _CONTENT (in base64). For save_payload: those of
#     once.sh.

. ./upload.sh

# Only whether they are there: to expand 300 KB takes dash 2 ms.
has_payload() { [ -n "$_UPLOAD${_TEXT:+yes}${_CONTENT:+yes}" ]; }

# payload: print it.
payload() {
    [ -z "$_UPLOAD" ] || cat "$_UPLOAD" || return
    [ -z "${_CONTENT:+yes}" ] || printf %s "$_CONTENT" | base64 -d || return
    [ -z "${_TEXT:+yes}" ] || printf %s "$_TEXT"
}

# save_payload: sets $_content, a file that holds it, if there is any; the caller removes it.
save_payload() {
    _content=${_UPLOAD:-$_SESSION/payload-$_NUMBER}
    [ -n "$_UPLOAD" ] || ! has_payload || payload >"$_content" || {
        [ $? -lt 126 ] || quit
        fail space
    }
}
