# shellcheck shell=sh
# fetch: all bytes of a file, up to a bound.
# In: those of path.sh and file.sh; _PATH.

. ../_remote/frame.sh
. ../_remote/path.sh
. ../_remote/file.sh

begin
enter "$_PATH"
open_regular
put_file
end
