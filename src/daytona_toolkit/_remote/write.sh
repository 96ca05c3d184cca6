# shellcheck shell=sh
# write: a file's whole content, in place at once or not at all.
# In: those of confined.sh and replace.sh; _PATH; _CONTENT (base64) or _UPLOAD (a file).

. ./frame.sh
. ./path.sh
. ./replace.sh
. ./parents.sh

begin
parents "$_PATH"
enter "$_PATH"
replaceable
take_turns
if [ -n "$_UPLOAD" ]; then
    _why=$({ cat "$_UPLOAD" >"$_temporary"; } 2>&1) || because "$_why"
    rm -f "$_UPLOAD"
else
    _why=$({ printf %s "$_CONTENT" | base64 -d >"$_temporary"; } 2>&1) || because "$_why"
fi
put_in_place
end
