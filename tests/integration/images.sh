#!/bin/sh
# Folders of images through andon-lab: classes, anomalies and masks, with the descriptions of the zoo.
#
#     tests/integration/images.sh [BIN]     BIN: folder of the programs, else $ANDON_BIN or build/dev/bin
#
# Exit: 0 all held, 1 something did not (said on standard error), 77 the program is not built.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/support/lab.sh
. tests/support/lab.sh "$@"
zoo=models/zoo
python3 tests/support/shapes.py "$work/train" 1 || fail 'no images were drawn'
python3 tests/support/shapes.py "$work/test" 2

# Classes: folders are classes, and another folder is held to their names.
run 0 train "$zoo/cnn-classifier.yaml" "$work/train/classes" --epochs 15 --batch 16 --validation 0.2 --out "$work/classes"
says '80 images learnt'
says 'classes: circle, square'
run 0 evaluate "$work/classes" "$work/test/classes" --plots "$work/pictures/classes"
says '^circle '
says '^truth .* circle square$'
pictures "$work/pictures/classes/confusion.svg"
run 0 evaluate "$work/classes" "$work/test/classes" --json
holds 'o[0]["images"] == 80 and o[0]["accuracy"] > 0.8 and o[0]["classes"][1]["class"] == "square"'
rm -r "$work/test/classes/circle"
run 0 evaluate "$work/classes" "$work/test/classes" --json
holds 'sum(o[0]["confusion"][1]) == 40 == o[0]["images"]'
run 0 inspect "$work/classes"
says '^images .*(28, 28, 1)'
says '^  square$'
run 0 quantise "$work/classes" "$work/train/classes" --out "$work/classes.q8" --json
holds 'o[0]["size_share"] < 0.34 and abs(o[0]["before"]["accuracy"] - o[0]["after"]["accuracy"]) < 0.1'
run 0 prune "$work/classes" "$work/train/classes" --structured --epochs 3 --out "$work/thin" --json
holds 'o[0]["size_share"] < 0.5 and o[0]["after"]["goal"] == "classes" and o[0]["gone"] > 0'
run 0 evaluate "$work/thin" "$work/test/classes"
says '^square '
run 0 export "$work/classes" --out "$work/classes.onnx"
run 0 bench "$work/classes" --seconds 0.1 --batch 4
run 1 evaluate "$work/classes" "$work/test/surface"
complains 'knows no class of that name'
mv "$work/test/classes/square" "$work/test/classes/triangle"
run 1 evaluate "$work/classes" "$work/test/classes"
complains 'classes/triangle: the version knows no class'
run 1 train "$zoo/cnn-classifier.yaml" "$work/train/surface" --out "$work/none"
complains '0.png is 64 x 64 pixels, the model takes 28 x 28'
run 1 train "$zoo/cnn-classifier.yaml" "$work/train/classes" --window 28 --out "$work/none"
complains 'these are images'
run 1 train "$zoo/dense-ae.yaml" "$work/train/classes" --out "$work/none"
complains 'takes rows of tables'

printf 'a,b\n1,2\n3,4\n' >"$work/rows.csv"
run 1 evaluate "$work/classes" "$work/rows.csv"
complains 'learnt from images, and .*rows.csv is a table'
run 1 bench "$work/rows.csv"
complains 'rows.csv: a version or the description of a model .* seems to be a table'

# Colours.
run 0 train "$zoo/mobile-cnn.yaml" "$work/train/colours" --epochs 2 --out "$work/colours"
run 0 evaluate "$work/colours" "$work/test/colours" --json
holds 'o[0]["images"] == 16 and len(o[0]["confusion"]) == 10'

# Anomalies: what lies beside the normal images is left out in training, and found afterwards.
run 0 train "$zoo/conv2d-ae.yaml" "$work/train/surface" --epochs 40 --batch 16 --lr 0.003 --threads 1 --out "$work/surface" --json
holds 'o[-1]["images"] + o[-1]["held_out"] == 60'
run 0 train "$zoo/conv2d-ae.yaml" "$work/train/surface" --epochs 40 --batch 16 --lr 0.003 --threads 4 --out "$work/four"
cmp -s "$work/surface" "$work/four" || fail 'the version depends on the number of threads'
run 0 evaluate "$work/surface" "$work/test/surface" --plots "$work/pictures/surface"
says 'anomalous images'
says 'all images together'
for name in histogram confusion roc pr; do
    pictures "$work/pictures/surface/$name.svg"
done
run 0 evaluate "$work/surface" "$work/test/surface" --json
holds 'o[0]["images"] == 70 and o[0]["auroc"] > 0.95 and "events" not in o[0] and "largest_z" not in o[0]["baselines"]'
run 0 score "$work/surface" "$work/test/surface"
[ "$(wc -l <"$work/out")" -eq 71 ] || fail 'not one line for each image'
says 'hole/3.png",3,'
run 0 score "$work/surface" "$work/test/surface/hole/3.png"
[ "$(wc -l <"$work/out")" -eq 2 ] || fail 'one image is not one line'
run 0 quantise "$work/surface" "$work/train/surface" --out "$work/surface.q8" --json
holds 'o[0]["calibrated_on"] == 60'
run 0 prune "$work/surface" "$work/train/surface" --structured --epochs 1 --out "$work/small"
run 0 evaluate "$work/small" "$work/test/surface"

# Masks.
sed 's/height: 128, width: 128/height: 32, width: 32/' "$zoo/unet.yaml" >"$work/unet.yaml"
run 0 train "$work/unet.yaml" "$work/train/masks" --epochs 12 --batch 4 --lr 0.003 --out "$work/masks"
run 0 evaluate "$work/masks" "$work/test/masks" --plots "$work/pictures/masks"
says 'in the mask'
pictures "$work/pictures/masks/confusion.svg"
run 0 evaluate "$work/masks" "$work/test/masks" --json
holds 'o[0]["goal"] == "mask" and sum(o[0]["pixels"].values()) == 20 * 32 * 32 and o[0]["dice"] > 0.8 > o[0]["all_marked_dice"]'
run 0 quantise "$work/masks" "$work/train/masks" --out "$work/masks.q8"
says '^  IoU '
run 0 prune "$work/masks" "$work/train/masks" --epochs 1 --batch 4 --out "$work/thin" --json
holds 'o[0]["after"]["dice"] > 0.7 and o[0]["zeros"] >= o[0]["gone"] > 0'
rm "$work/test/masks/masks/part-7.pgm"
run 1 evaluate "$work/masks" "$work/test/masks"
complains 'part-7.png has no mask'
printf 'P5 9 9 255\nno' >"$work/test/masks/masks/part-7.pgm"
run 1 evaluate "$work/masks" "$work/test/masks"
complains 'part-7.pgm: cut short'
run 1 score "$work/masks" "$work/train/masks"
complains 'learns from labels'
echo 'all images held'
