# shellcheck shell=sh
# close: end a session. Copies of its requests that still arrive do nothing.
# In: _SESSION (its folder); those of forget.sh.

. ../_remote/frame.sh
. ../_remote/forget.sh

begin
discard "$_SESSION"
end
