# shellcheck shell=sh
# exists: whether the path leads to something.
# In: those of confined.sh; _PATH.

. ./frame.sh
. ./path.sh

begin
enter "$_PATH"
[ ! -e "./$_name" ] || put exists yes
end
end
