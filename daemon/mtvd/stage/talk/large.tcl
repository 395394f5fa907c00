# Pictures of one frame that are larger (or smaller) than the window. DS9 draws them a piece at a time, each at most as large
# as the window's image area, with zoom and pan of the piece; the view of before is back when this returns.

namespace eval ::mtv {
    # about 30 ms of DS9's time
    variable most_piece_px 1000000
}

# Run a command that takes a picture, with a frame in front where a number is given; what DS9 complains of is its error.
proc ::mtv::photographed {number args} {
    variable busy 1
    variable boxes {}
    quiet
    set hidden {}
    # SaveImage looks after events, and frames that blink would follow each other
    set blinks [frames::hold_blinking]
    set code [catch {
        # DS9 loads it by chance, if at all, and SaveImage then fails without saying why
        package require img::window
        if {$number ne {}} {set hidden [frames::borrow $number]}
        events::known
        set hand::front $::current(frame)
        {*}$args
    } result]
    if {[catch {frames::give_back $hidden} message] && $code == 0} {set code 1; set result $message}
    if {$hidden ne {}} {
        events::known
        set hand::front $::current(frame)
    }
    frames::blink_again $blinks
    set busy 0
    foreach complaint [list {*}$boxes $::ds9(msg)] {
        if {$code == 0 && $complaint ne {}} {set code 1; set result $complaint}
    }
    quiet
    if {$code} {error $result}
    return $result
}

# Run a body while a frame lies above all else and is so many times larger on the screen, and with it its markers where they
# are to follow; place, zoom and annotations, which say this, are as before when this returns. In a picture is neither the
# crosshair nor the frame's highlight.
proc ::mtv::magnified {which factor follow said body} {
    set place [frames::box_of $which]
    set centre [$which get cursor image fk5]
    zoom_by $which $factor $follow
    show_others $which hidden
    set code [catch {
        $which highlite off
        $which crosshair off
        LayoutRaise $which
        uplevel 1 $body
    } result]
    lassign $place x y width height
    $which configure -x $x -y $y -width $width -height $height
    zoom_by $which [expr {1. / $factor}] $follow
    $which pan to image fk5 {*}$centre
    show_others $which normal
    annotations::place $which $said {*}$place
    annotations::touch $which
    annotations::end
    redraw_canvas
    if {$::current(mode) eq {crosshair}} {$which crosshair on}
    if {$::ds9(display) eq {tile} && $which eq $::current(frame)} {$which highlite on}
    if {$code} {error $result}
    return $result
}

# The annotations of all other frames lie above any frame.
proc ::mtv::show_others {which state} {
    foreach other $::ds9(frames) {
        if {$other ne $which} {$::ds9(canvas) itemconfigure mtv.annotation.$other -state $state}
    }
}

# Have the canvas drawn anew where a frame was and is no more: DS9 does not see to it, but to whatever an item lies on.
proc ::mtv::redraw_canvas {} {
    set canvas $::ds9(canvas)
    $canvas create rectangle 0 0 [winfo width $canvas] [winfo height $canvas] -outline {} -tags mtv.cover
    after idle [list $canvas delete mtv.cover]
}

proc ::mtv::zoom_by {which factor follow} {
    $which zoom $factor $factor
    if {$follow} kept::follow
    # else the first pan by screen pixels would still be one at the zoom of before
    $which center
}

# Zoom of a picture of so many pixels, as a multiple of a frame's on the screen.
proc ::mtv::picture_factor {which width height} {
    lassign [size_of $which] across down
    return [expr {min(double($width) / $across, double($height) / $down)}]
}

# Words of a frame's annotations in a picture.
proc ::mtv::picture_words {which factor} {
    return [annotations::contents $which {label legend limits scale_bar compass} {*}[frames::box_of $which] $factor]
}

# Have a frame drawn in the corner of the canvas; return a photo of the canvas.
proc ::mtv::photo_of {which width height} {
    $which configure -x 0 -y 0 -width $width -height $height
    update idletasks
    winfo pointerxy .
    return [image create photo -format window -data $::ds9(canvas)]
}

# The same, of which the first pixels across and down are appended to a file as PPM.
proc ::mtv::photograph {which width height across down file} {
    set photo [photo_of $which $width $height]
    try {
        puts -nonewline $file [$photo data -format ppm -from 0 0 $across $down]
    } finally {
        image delete $photo
    }
}

# What a picture of width x height pixels of a frame shows, so small that it fits into the image area: it is written to a file
# as PPM, with a background that nothing else has. Return numbers: the background's red, green and blue, the largest width and
# height of a piece, the scale of what was written (0 where nothing was), the background, width and height that this has, and
# left, top, right and bottom of each annotation in the picture; then, on a line of its own, words for the user's view.
proc ::mtv::picture_look {which width height path} {
    set canvas $::ds9(canvas)
    set most [most_of_canvas $which]
    set scale [expr {min(1., double([lindex $most 0]) / $width, double([lindex $most 1]) / $height)}]
    set factor [picture_factor $which $width $height]
    set small [expr {$scale < 1 && [is_seen_small $which [expr {$factor * $scale}]]}]
    lassign [list [expr {int(ceil($width * $scale))}] [expr {int(ceil($height * $scale))}]] across down
    set said [picture_words $which $factor]
    set view [picture_view $which]
    set centre [$which get cursor image fk5]
    set boxes {}
    set colour [$which get bg color]
    set file [open $path {WRONLY CREAT TRUNC BINARY}]
    try {
        magnified $which [expr {$factor * $scale}] 0 $said {
            annotations::place $which $said 0 0 $width $height
            foreach {block content} $said {
                lappend boxes {*}[$canvas bbox mtv.annotation.$which.$block]
            }
            annotations::erase $which
            set plain [background $which $centre]
            if {$small} {
                set odd [lreplace $plain 2 2 [expr {[lindex $plain 2] ^ 1}]]
                $which bg color [format #%02x%02x%02x {*}$odd]
                $which bg color 1
                photograph $which $across $down $across $down $file
            }
        }
    } finally {
        $which bg color $colour
        $which bg color $::pds9(bg,use)
        close $file
    }
    set found [list {*}$plain {*}$most 0]
    if {$small} {set found [list {*}$plain {*}$most $scale {*}$odd $across $down {*}$boxes]}
    return $found\n$view
}

# Red, green and blue where a frame shows nothing: far beside all. The view is centred on a place of the image after that.
proc ::mtv::background {which centre} {
    $which configure -width 8 -height 8
    $which pan 1000000 1000000
    set photo [photo_of $which 8 8]
    set colour [$photo get 4 4]
    image delete $photo
    $which pan to image fk5 {*}$centre
    return $colour
}

# Whether all that a frame shows can be seen also so many times larger than on the screen, or smaller: its image, if that is no
# more than a line, is not, nor are small markers; and DS9 draws another grid at each zoom.
proc ::mtv::is_seen_small {which factor} {
    if {$factor < 0.25 || ![$which has fits] || [$which has grid]} {return 0}
    set zoom [kept::smallest [$which get zoom]]
    foreach side [$which get fits size] {
        if {$side * $zoom * $factor < 3} {return 0}
    }
    return 1
}

# The largest part of the canvas that a frame is drawn on for a picture: not below what DS9 shows beside it, and not so much
# that others wait for long.
proc ::mtv::most_of_canvas {which} {
    variable most_piece_px
    set canvas $::ds9(canvas)
    if {[$canvas find withtag graphic] ne {}} {
        lassign [size_of $which] across down
    } else {
        set across [winfo width $canvas]
        set down [winfo height $canvas]
    }
    return [list $across [expr {max(1, min($down, $most_piece_px / $across))}]]
}

# Pieces of a picture of width x height pixels that shows what the frame shows: boxes of left, top, width and height, one after
# the other, until some milliseconds have passed; they are written to a file, each as a PPM. Return the number of pieces, and
# the words for the view.
proc ::mtv::picture_pieces {which width height boxes most_ms path} {
    set end [expr {[clock milliseconds] + $most_ms}]
    set view [picture_view $which]
    set factor [picture_factor $which $width $height]
    set said [picture_words $which $factor]
    set centre [$which get cursor image fk5]
    set taken 0
    set file [open $path {WRONLY CREAT TRUNC BINARY}]
    try {
        magnified $which $factor 1 $said {
            foreach {left top across down} $boxes {
                if {$taken && [clock milliseconds] >= $end} break
                annotations::place $which $said [expr {-$left}] [expr {-$top}] $width $height
                # an odd side beside an even one would be half a pixel off
                set even_across [expr {$across + (($width - $across) & 1)}]
                set even_down [expr {$down + (($height - $down) & 1)}]
                $which configure -width $even_across -height $even_down
                $which pan to image fk5 {*}$centre
                $which pan [expr {$left + ($even_across - $width) / 2}] [expr {$top + ($even_down - $height) / 2}]
                photograph $which $even_across $even_down $across $down $file
                incr taken
            }
        }
    } finally {
        close $file
    }
    return $taken\n$view
}

# Words for the user's view of a frame, on one line.
proc ::mtv::picture_view {which} {
    return [list [$which get zoom] [$which get cursor image fk5] [$which get rotate] [$which get orient] [frames::box_of $which]]
}
