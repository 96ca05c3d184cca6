# shellcheck shell=sh
# forget: remove what a session has left in our folder.
# In: _STATE, _FORGET (names).

. ./frame.sh

begin
# shellcheck disable=SC2086 # a word a name
cd "$_STATE" && rm -rf $_FORGET
end
