# shellcheck shell=sh
# close: end a session. Nothing of it runs any more, whatever copies of requests still come.
# In: _STATE, _SESSION (its folder), _FORGET (names under _STATE to remove).

. ../_remote/frame.sh

begin
set -- "$_SESSION"
for _name in $_FORGET; do
    set -- "$@" "$_STATE/$_name/start" "$_STATE/$_name"
done
rm -rf -- "$@"
end
