# shellcheck shell=sh
# exists: whether the path leads to something.
# In: those of path.sh; _PATH.

. ../../_remote/frame.sh
. ../../_remote/path.sh

begin
enter "$_PATH"
[ ! -e "./$_name" ] || put exists yes
end
