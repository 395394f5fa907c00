# How annotations look: plates of text, the legend, the scale bar and the compass, as items of DS9's canvas.

namespace eval ::mtv::annotations {
    variable font TkDefaultFont
    variable edge 6
    variable ink white
    variable ground #181818
    variable name_max 170
}

proc ::mtv::annotations::line_height {} {
    variable font
    return [expr {[font metrics $font -linespace] + 4}]
}

# The beginning of a text that is no wider, with an ellipsis where it is cut.
proc ::mtv::annotations::cut {text most} {
    variable font
    if {[font measure $font $text] <= $most} {return $text}
    set low 0
    set high [string length $text]
    while {$low + 1 < $high} {
        set middle [expr {($low + $high) / 2}]
        if {[font measure $font [string range $text 0 $middle-1]\u2026] <= $most} {
            set low $middle
        } else {
            set high $middle
        }
    }
    if {!$low} {return {}}
    return [string trimright [string range $text 0 $low-1]]\u2026
}

proc ::mtv::annotations::item {kind tags args} {
    return [$::ds9(canvas) create $kind {*}$args -state disabled -tags $tags]
}

# Text on a plate, in a line of the upper left corner.
proc ::mtv::annotations::plate {tags text line x y width height} {
    variable font
    variable edge
    variable ink
    variable ground
    set high [line_height]
    set left [expr {$x + $edge}]
    set top [expr {$y + $edge + $line * $high}]
    set text [cut $text [expr {$width - 2 * $edge - 8}]]
    if {$text eq {} || $top + $high > $y + $height} return
    set right [expr {$left + [font measure $font $text] + 8}]
    item rectangle $tags $left $top $right [expr {$top + $high}] -fill $ground -outline {}
    item text $tags [expr {$left + 4}] [expr {$top + 2}] -anchor nw -text $text -font $font -fill $ink
}

proc ::mtv::annotations::draw_label {tags caption x y width height} {
    plate $tags $caption 0 $x $y $width $height
}

proc ::mtv::annotations::draw_limits {tags content x y width height} {
    plate $tags {*}$content $x $y $width $height
}

# Rows of a square of each colour and the names of its planes, below the plates: in two columns where the left half of the
# frame has room for them. Of those that have no place the last row tells how many there are.
proc ::mtv::annotations::draw_legend {tags content x y width height} {
    variable font
    variable edge
    variable ink
    variable ground
    variable name_max
    lassign $content rows lines
    set high [line_height]
    set side [expr {$high - 8}]
    set top [expr {$y + $edge + $lines * $high + ($lines ? 4 : 0)}]
    set most [expr {int(min(16, ($y + $height * 0.8 - $top) / $high))}]
    if {$most < 1} return
    set room [expr {max($width / 2, min($width - 2 * $edge, 120))}]
    set widest [expr {min($name_max, $room - $side - 16)}]
    if {$widest < 10} return
    set names [lmap row $rows {cut [lindex $row 1] $widest}]
    set column [expr {[::tcl::mathfunc::max 0 {*}[lmap name $names {font measure $font $name}]] + $side + 16}]
    set columns [expr {max(1, min(2, $room / $column))}]
    set count [llength $rows]
    if {$count > $most * $columns} {
        set left [expr {$count - $most * $columns + 1}]
        set count [expr {$most * $columns - 1}]
        set rest "\u2026 and $left more"
    } else {
        set rest {}
    }
    set entries [expr {$count + ($rest ne {})}]
    set columns [expr {min($columns, ($entries + $most - 1) / $most)}]
    set deep [expr {($entries + $columns - 1) / $columns}]
    set left [expr {$x + $edge}]
    set column [expr {$rest eq {} ? $column : max($column, [font measure $font $rest] + 12)}]
    item rectangle $tags $left $top [expr {$left + $columns * $column}] [expr {$top + $deep * $high}] \
        -fill $ground -outline {}
    for {set i 0} {$i < $entries} {incr i} {
        set at_x [expr {$left + ($i / $deep) * $column + 4}]
        set at_y [expr {$top + ($i % $deep) * $high}]
        if {$i < $count} {
            item rectangle $tags $at_x [expr {$at_y + 4}] [expr {$at_x + $side}] [expr {$at_y + 4 + $side}] \
                -fill [lindex $rows $i 0] -outline {}
            set text [lindex $names $i]
            incr at_x [expr {$side + 5}]
        } else {
            set text $rest
        }
        item text $tags $at_x [expr {$at_y + 2}] -anchor nw -text $text -font $font -fill $ink
    }
}

# Lines and words that are seen on white and on black.
proc ::mtv::annotations::stroke {tags points} {
    variable ink
    item line $tags {*}$points -width 4 -fill black -capstyle projecting -joinstyle miter
    item line $tags {*}$points -width 2 -fill $ink -joinstyle miter
}

proc ::mtv::annotations::words {tags x y anchor text} {
    variable font
    variable ink
    foreach {dx dy} {-1 -1 0 -1 1 -1 -1 0 1 0 -1 1 0 1 1 1} {
        item text $tags [expr {$x + $dx}] [expr {$y + $dy}] -anchor $anchor -text $text -font $font -fill black
    }
    item text $tags $x $y -anchor $anchor -text $text -font $font -fill $ink
}

proc ::mtv::annotations::draw_scale_bar {tags content x y width height} {
    variable edge
    lassign $content length text
    set left [expr {$x + 2 * $edge}]
    set right [expr {$left + $length}]
    set base [expr {$y + $height - 2 * $edge}]
    stroke $tags [list $left [expr {$base - 5}] $left $base $right $base $right [expr {$base - 5}]]
    words $tags [expr {($left + $right) / 2}] [expr {$base - 6}] s $text
}

proc ::mtv::annotations::draw_compass {tags content x y width height} {
    set long [expr {min($width, $height) < 250 ? 18 : 32}]
    set middle_x [expr {$x + $width - $long - 22}]
    set middle_y [expr {$y + $height - $long - 22}]
    foreach {step_x step_y name} [list {*}[lrange $content 0 1] N {*}[lrange $content 2 3] E] {
        set end [list [expr {$middle_x + $step_x * $long}] [expr {$middle_y + $step_y * $long}]]
        stroke $tags [list $middle_x $middle_y {*}$end]
        words $tags [expr {$middle_x + $step_x * ($long + 11)}] [expr {$middle_y + $step_y * ($long + 11)}] center $name
    }
}
