"""The intended differences from the official SDK: case -> difference and reason. The docs show this table.

A test plays each case. A case that is listed here must differ; one that is not listed must not.
"""

DIFFERENCES: dict[str, str] = {
    # keys, exceptions, what there is
    "an_empty_key_deletes": "An empty key counts as a missing key in every call. The official module uses the global "
    "key instead, and deletes every sample of that project.",
    "a_key_in_quotes": "Quotes, blanks and byte order marks around a key are removed. The service refuses a key with "
    "them.",
    "a_key_that_cannot_be_one": "A text that cannot be a key raises InvalidApiKeyException (a ValueError) before "
    "anything is sent. The official module sends it.",
    "the_text_of_an_exception": "Texts are plain sentences. The official ones are framed by lines of dashes.",
    "the_rest_of_the_official_package": "Models, impulses, tuner, jobs and sockets are not included: eisync replaces "
    "only the data functions. Both packages may be installed side by side.",
    # how uploads travel
    "a_service_that_is_busy_for_a_moment": "A request that the service answers with 429 or 503 is sent again. The "
    "official module gives up.",
    "how_long_an_answer_is_waited_for": "A request fails after 60 s (10 s to connect) unless `timeout_sec` is given. "
    "The official module waits without limit.",
    "a_file_of_a_hundred_megabytes": "A file that is too large for the service is a failure before it is read. The "
    "official module reads and sends it.",
    "a_redirect": "A redirect is not followed: the key would be sent to another server.",
    "many_samples_of_one_kind": "Samples with the same headers share a request. The official module sends one request "
    "for each sample.",
    "how_many_files_are_open": "A file is open only while it is read. The official module opens a whole batch (1024).",
    "the_stream_of_an_uploaded_file": "The data of an uploaded file can be read again. The official module closes it.",
    "where_progress_is_drawn": "Progress is shown on stderr. The official module prints it on stdout, between the "
    "results.",
    "a_batch_of_no_size": "`batch_size=None` is the default size, as the parameter's type suggests. The official call "
    "raises TypeError.",
    # uploads
    "something_that_is_no_sample": "An argument that is not a sample raises TypeError before anything is sent. The "
    "official call fails in the middle of the upload.",
    "a_sample_without_data": "The failure says that the data cannot be uploaded. The service only says `No files in "
    "this request`.",
    "an_empty_file_name": "An empty file name is refused before it is sent. The service says `Invalid mimetype`.",
    "a_file_name_of_two_lines": "A file name with a line end or another control character is refused before it is "
    "sent: such names break the programs that list them.",
    "a_label_of_two_lines": "A label is percent-encoded, including line ends. The official call fails on a label with "
    "a line end.",
    "a_label_with_blanks_around_it": "A label is percent-encoded, including blanks at its ends. The official call "
    "fails on a label that begins with a blank.",
    "metadata_that_is_nested": "Lists and mappings in metadata become JSON text, because the service accepts only "
    "texts.",
    "boxes_as_studio_shows_them": "Boxes may be given in the form of Studio's documents. The official call fails.",
    "more_boxes_than_a_header_holds": "Boxes are sent in a part of the body. The official module sends them in a "
    "header, which has room for only some hundred.",
    "ranges_of_numpy": "numpy's numbers are accepted in structured labels. The official module cannot write them as "
    "JSON.",
    "an_acquisition_of_numpy": "numpy's numbers are accepted in a `DataAcquisition`. The official module cannot write "
    "them as JSON.",
    "the_label_zero": "The number `0` is a label. The official module drops it.",
    "a_label_that_is_not_latin": "Labels are percent-encoded, as the service's other clients send them. The official "
    "call fails on a label with characters beyond Latin-1, and loses all its results.",
    "a_label_with_a_percent_sign": "A label arrives as it was given. The official module sends it without encoding, so "
    "that `%25` arrives as `%`.",
    "a_sample_without_a_name": "A sample without a file name gets a random one, with an extension that fits the data. "
    "The official module crashes.",
    "a_stream_that_was_read_before": "A stream at its end is read from its beginning, and keeps its position "
    "afterwards. The official module uploads nothing.",
    "one_stream_twice": "A stream can be uploaded a second time. The official module then uploads nothing.",
    "one_file_that_cannot_be_read": "Only the sample whose data cannot be read fails. The official call fails as a "
    "whole, and loses all its results.",
    "a_service_that_is_not_there": "After a network error the request is sent again where that is safe; then the "
    "affected samples fail. The official call fails as a whole, and loses all its results.",
    "the_callers_sample_is_left_alone": "The only field of the caller's sample that changes is `sample_id`. The "
    "official module turns boxes into text and sets the category.",
    "metadata_that_is_not_text": "Metadata values are sent as text, numpy's too. The service refuses other JSON "
    "values, and the official module cannot write numpy's.",
    "an_empty_directory": "An empty directory gives a response without samples. The official module returns None.",
    "every_extension_that_the_service_takes": "`.jpeg`, `.txt`, `.parquet` and upper-case extensions are uploaded, "
    "too.",
    "a_dataset_inside_a_plain_directory": "`info.labels` is never uploaded as data; the service refuses it.",
    "boxes_beside_the_images": "`bounding_boxes.labels` in the folder of the images is read.",
    "an_account_without_the_optional_keys": "In an entry of `info.labels`, every key but the path may be missing.",
    "an_unlabeled_file": "A file that was exported without a label is uploaded without a label. The official module "
    "lets the service infer one.",
    "a_map_of_labels": "`keyvalue-labels` are sent as a label map. The official module sends them as structured "
    "labels.",
    "an_account_in_lines": "A very large `info.labels`, in JSON lines, is read.",
    "a_name_in_the_account": "The `name` in `info.labels`, with the extension of the file, is the file name that is "
    "sent, as by the official uploader. The official module sends the long name of the exported file.",
    "a_name_in_another_unicode_form": "A file is found if `info.labels` names it in another Unicode form, and labels "
    "are sent in one form (NFC). The official call fails.",
    "a_file_that_is_named_and_missing": "A file that `info.labels` lists and that does not exist is a failure in the "
    "response. The official call fails.",
    "a_file_outside_the_dataset": "A file outside the dataset's folder is not uploaded, even if `info.labels` lists "
    "it.",
    # listing and deletion
    "a_name_that_is_a_part_of_others": "Names are compared as a whole. The service's filter also finds names that "
    "contain the text, so that the official module deletes `wave.010` along with `wave.01`.",
    "a_name_with_an_ampersand": "Names and labels are percent-encoded in queries. The official module asks for `a` "
    "instead of `a&b`.",
    "an_empty_name_is_deleted": "No sample has an empty name, so nothing is deleted. The official module deletes every "
    "sample.",
    "a_key_for_every_category": "The key and the time limit of the call are used, also when no category is given. The "
    "official module then uses the global key.",
    "a_name_is_deleted_with_another_key": "Names are looked up and deleted in the project of the key. The official "
    "module looks in one project and deletes in the other.",
    "an_unknown_category_is_deleted": "An unknown category raises ValueError before anything is sent.",
    "the_order_of_the_listing": "A listing is newest first. The official one is sorted by category; within one, the "
    "order is that of its threads.",
    "a_listing_without_workers": "A listing works without workers. The official call divides by their number.",
    "a_label_that_is_a_number_is_looked_for": "A number may be given as a label to find. The service refuses the "
    "official module's request.",
    "a_truth_as_an_id": "True and False are not accepted as ids. The official module treats them as 1 and 0.",
    # downloads
    "the_order_of_a_stream": "A stream of samples is in the order of the ids. The official one is in the order in "
    "which answers arrive.",
    "a_sample_without_an_interval_comes_back": "A sample whose interval is 0 is downloaded as JSON. The official call "
    "raises UnsupportedSampleType and loses the others.",
    "ids_of_numpy": "numpy's integers are accepted as ids.",
    # arrays
    "an_array_as_a_sample": "An array is accepted as a time series. The official module accepts only lists, although "
    "its documentation says arrays.",
    "the_label_zero_of_an_array": "The number `0` is a label. The official module drops it.",
    "a_hole_in_an_array": "NaN and infinity raise a ValueError before anything is sent. JSON has no such numbers, and "
    "the service refuses the file.",
    "metadata_of_numpy": "numpy's numbers are accepted in metadata. The official module cannot write them as JSON.",
    # frames
    "a_time_span_finer_than_a_second": "Time spans in the index keep fractions of a second. The official module keeps "
    "whole seconds, so that every row is at 0.",
    "a_time_span_of_days": "Time spans in the index keep their days. The official module drops them, so that every row "
    "is at 0.",
    "an_index_of_dates": "Dates in the index become milliseconds since the first. The official module sends texts, and "
    "the service refuses them.",
    "an_index_that_does_not_increase": "An index that does not increase is refused. The official error text says so, "
    "but its code does not.",
    "a_rate_below_a_millisecond": "A rate keeps its fractions. The official module cuts them off, so that with 0.5 ms "
    "every row is at 0.",
    "a_frame_is_used_twice": "The caller's frame is not changed. The official module resets its index.",
    "labels_by_row_of_chosen_columns": "`label_col` need not be one of `axis_columns`. The official module looks for "
    "it there.",
    "labels_by_row_that_are_numbers": "Numbers are accepted as labels. The official module cannot write numpy's as "
    "JSON.",
    "the_label_column_of_one_row": "The label column of a single row is its label, not a value.",
    "a_feature_that_is_not_there": "A missing column raises a ValueError that names it, in every function.",
    "a_label_column_that_is_misspelt": "A missing label column raises a ValueError that names it. The official module "
    "uploads without labels.",
    "the_label_zero_of_a_row": "The number `0` is a label. The official module drops it.",
    "metadata_that_is_missing_in_a_row": "An empty cell gives no metadata. The official module writes `nan` or `None`.",
    "a_category_that_is_missing_in_a_row": "An empty category is `split`. The official module asks for the category "
    "`nan`.",
    "wide_rows_with_named_columns_between": "The columns of label, category and metadata are not part of a wide row's "
    "data.",
    "wide_rows_with_a_length": "`data_col_length` works with one axis, too. The official module ignores it.",
    "wide_rows_of_one_column": "A single data column has its own name as heading. The official module uses the number "
    "of the row, and the service refuses it.",
    "timestamps_between_milliseconds": "Timestamps are rounded to a microsecond. The official module cuts them off, so "
    "that 0.57 s is 569 ms.",
    "a_grouped_frame_is_used_twice": "The caller's frame is not changed. The official module leaves milliseconds and "
    "other names in it.",
    "group_metadata_of_numpy": "numpy's numbers are accepted in metadata. The official module cannot write them as "
    "JSON.",
    "a_feature_called_timestamp": "A feature may be named `timestamp`; it is sent as `timestamp_1`. The official "
    "module fails.",
    "rows_of_no_group": "A row without a group raises a ValueError that names it. The official module uploads an empty "
    "file for it.",
    "columns_of_several_levels": "Columns with several levels are uploaded under their whole names. The official "
    "module writes several lines of headings, which the service refuses.",
    "a_frame_of_polars": "Frames of polars are accepted.",
    "one_name_of_metadata": "A text counts as one column name, in every function. The official module treats each of "
    "its letters as a name.",
    "one_name_of_a_feature_of_groups": "A text counts as one column name, also for the features of groups.",
    "an_axis_that_is_there_twice": "An axis that occurs twice raises a ValueError that names it. The service refuses "
    "the official module's file.",
    # helpers
    "ranges_of_labels_that_are_numbers": "The labels of ranges are Python's numbers. The official helper returns "
    "numpy's, which cannot be written as JSON.",
    "ranges_with_a_row_without_a_label": "A row without a label raises a ValueError that names it. The official helper "
    "makes it a range with the label NaN.",
    "ranges_of_no_rows": "A frame without rows gives no ranges. The official helper raises IndexError.",
}
