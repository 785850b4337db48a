#!/bin/sh
# Installs the engine from a build tree into a fresh prefix, builds examples/embed against it alone and lets it speak
# with the built-in model. Usage: install_test.sh SOURCE_DIR BUILD_DIR
set -eu
source_dir=$1
build_dir=$2
model=$source_dir/models/guide/shimmy-guide.gguf

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build_dir" --component airframe --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
for header in $(cd "$work/prefix/include/airframe" && find . -name '*.h' | sort); do
    echo "#include \"${header#./}\""
done >"$work/all_headers.cpp"
[ -s "$work/all_headers.cpp" ] || { echo "no headers were installed"; exit 1; }

# A copy of the example: nothing of this tree is within its reach.
cp -r "$source_dir/examples/embed" "$work/embed"
cp "$work/all_headers.cpp" "$work/embed/"
echo 'target_sources(embed PRIVATE all_headers.cpp)' >>"$work/embed/CMakeLists.txt"
cmake -S "$work/embed" -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release
cmake --build "$work/build"

"$work/build/embed" "$work/absent.gguf" x 2>"$work/error" && { echo "an absent file was not refused"; exit 1; }
grep -q absent.gguf "$work/error" || { echo "the error does not name the file:"; cat "$work/error"; exit 1; }
text=$("$work/build/embed" "$model" "Shimmy is")
echo "$text"
case $text in
    *[a-z][a-z][a-z]*) ;;
    *) echo "no text was generated"; exit 1 ;;
esac
[ "$("$work/build/embed" "$model" "Shimmy is" vector | wc -l)" -ge 64 ] || { echo "no vector was printed"; exit 1; }
