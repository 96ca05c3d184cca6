# shellcheck shell=sh
# open: where the session stands, and what this sandbox has.
# In: _ROOT (asked for, or empty).

. ./frame.sh

begin
_missing=
for _tool in base64 cat chmod chown cp flock head mkdir mkfifo mv readlink rm setsid sha256sum sleep stat tail timeout wc; do
    command -v "$_tool" >/dev/null || _missing="$_missing $_tool"
done
if [ -n "$_missing" ]; then
    put names "$_missing"
    fail tools
fi
{ mkdir -p -- "${_ROOT:-.}" && cd -P -- "${_ROOT:-.}"; } || fail root
_state=${TMPDIR:-/tmp}/.daytona-toolkit
# Another user of the same sandbox may own the first choice.
if ! { mkdir -p "$_state" && chmod 700 "$_state"; }; then
    _state=$_state-$(id -u)
    { mkdir -p "$_state" && chmod 700 "$_state"; } || fail state
fi
printf %s "$PWD" | put_bytes root
printf %s "${HOME:-/}" | put_bytes home
(cd -P "$_state" && printf %s "$PWD") | put_bytes state
put shell "$(command -v bash || command -v sh)"
put setsid "$(command -v setsid)"
command -v rg >/dev/null && put rg yes
end
end
