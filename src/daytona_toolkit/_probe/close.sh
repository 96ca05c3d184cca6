# shellcheck shell=sh
# close: end a session. Nothing of it runs any more, whatever copies of requests still come.
# In: _SESSION (its folder); those of forget.sh.

. ../_remote/frame.sh
. ../_remote/forget.sh

begin
remove "$_SESSION"
end
